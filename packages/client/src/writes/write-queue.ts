import { AgeClock } from '../age-clock.js';
import type { ClientPlatform } from '../client-platform.js';
import { retryDelay } from '../connection/backoff.js';
import { clientError, type ReallyError } from '../really-error.js';
import type { Outcome, Requests } from '../requests/requests.js';
import type { WireMessage, WireRequest } from '../wire-message.js';
import { type ClientCommand, isRepeatable } from './client-command.js';
import { ClientWrite, type WriteDetails, type WriteOptions } from './client-write.js';
import { blockersOf, needs } from './dependencies.js';
import { errorEffectOf } from './error-effect.js';
import { randomText } from './new-id.js';
import type { SeenRevisions } from './seen-revisions.js';
import type { KeptQueue, WriteEnding, WriteKeeper } from './write-keeper.js';
import { appResult, resultsOf, writeRequest } from './write-request.js';

export interface WriteQueueContext {
  readonly platform: ClientPlatform;
  readonly requests: Requests;
  readonly seen: SeenRevisions;
  /** Milliseconds that the server remembers once-ids. */
  readonly onceWindow: number;
  /** Milliseconds for an answer, where a write has no time limit of its own. */
  readonly timeout: number;
  readonly listener: WriteListener;
  /** Keeps the writes beyond this page, where it is given. */
  readonly keeper: WriteKeeper | undefined;
}

export interface WriteListener {
  /** `behind`: those that wait already and come after it. */
  onAdded(write: ClientWrite, behind: readonly ClientWrite[]): void;
  onCommitted(write: ClientWrite): void;
  /** Refused or uncertain. */
  onFailed(write: ClientWrite, error: ReallyError): void;
  /** The number of writes that wait, or the oldest of them, changed. */
  onQueueChanged(): void;
}

/** Writes that may wait. The server remembers a thousand once-ids of a uid. Rule TSC2. */
const mostWaiting = 900;
/** Writes sent and not answered. The server reads no further at 256. */
const mostInFlight = 100;

/**
 * Every write that is not settled, in the order in which they were made: sends each when nothing before
 * it stands in its way, and sends it again on the next session where its answer was lost.
 */
export class WriteQueue implements KeptQueue {
  readonly #context: WriteQueueContext;
  readonly platform: ClientPlatform;
  readonly clock: AgeClock;
  readonly waiting = new Set<ClientWrite>();
  /** How many were committed. */
  commits = 0;
  /** Of those sent, and of those whose revision is being learnt: what ends the wait. */
  readonly #inFlight = new Map<ClientWrite, () => void>();
  /** Whose the writes are, where it is known. */
  #uid: string | undefined;
  #isUp = false;
  #isClosed = false;
  #cancelTimer = () => {};

  constructor(context: WriteQueueContext) {
    this.#context = context;
    this.platform = context.platform;
    this.clock = new AgeClock(context.platform);
    context.keeper?.start(this);
  }

  /** When the oldest was made, in milliseconds since 1970. */
  get oldest(): number | undefined {
    const [first] = this.waiting;
    return first?.createdAt;
  }

  /** The writes to this object that are not settled, in order. */
  writesTo(r: string): ClientWrite[] {
    return [...this.waiting].filter(({ commands }) => commands.some((command) => command.r === r));
  }

  add<Result>(
    commands: readonly ClientCommand[],
    options: WriteOptions,
    isBatch = false,
  ): ClientWrite<Result> {
    const { platform, seen, keeper } = this.#context;
    const [id, createdAt] = [randomText(platform), platform.now()];
    const write = this.make({ id, commands, isBatch, options, createdAt });
    const error = this.#refusalOf(write);
    if (error) {
      write.apply({ event: 'refuse', error });
      return write as ClientWrite<Result>;
    }
    for (const { r } of commands) write.seen.set(r, seen.of(r));
    this.#watchSignal(write);
    // Before listeners hear of the write: they may send others, or take it back.
    if (keeper && options.queue !== false) write.queued = keeper.add(write);
    this.wait(write);
    this.sendAll();
    return write as ClientWrite<Result>;
  }

  make(details: WriteDetails): ClientWrite {
    return new ClientWrite(details);
  }

  takesOf(uid: string): boolean {
    if (this.#isClosed) return false;
    this.#uid ??= uid;
    return this.#uid === uid;
  }

  wait(write: ClientWrite, behind: readonly ClientWrite[] = []): void {
    for (const other of behind) this.waiting.delete(other);
    for (const next of [write, ...behind]) {
      next.blockers = blockersOf(next, this.waiting);
      this.waiting.add(next);
    }
    this.#context.listener.onAdded(write, behind);
    this.#context.listener.onQueueChanged();
  }

  /**
   * There is a session of this uid. Writes that an earlier one left unanswered are sent first: they are
   * older. Nothing of another uid is sent. Returns whether it is another uid.
   */
  up(uid: string): boolean {
    const isOther = this.#uid !== undefined && this.#uid !== uid;
    if (isOther) this.#failAll(clientError('user.changed'));
    this.#uid = uid;
    this.#isUp = true;
    this.#context.keeper?.session(uid);
    return isOther;
  }

  /** The session is over. What was sent is in doubt until it is answered in another one. */
  down(): void {
    this.#isUp = false;
    this.#context.keeper?.session(undefined);
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelTimer();
    this.#failAll(clientError('connection.closed'));
    this.#context.keeper?.close();
  }

  #refusalOf({ options, commands }: ClientWrite): ReallyError | undefined {
    const r = commands[0]?.r;
    if (this.#isClosed) return clientError('connection.closed', { r });
    const { signal, queue } = options;
    if (signal?.aborted) return clientError('aborted', { r, cause: signal.reason });
    if (queue === false && !this.#isUp) return clientError('offline', { r, retry: 'backoff' });
    if (this.waiting.size < mostWaiting) return undefined;
    return clientError('queue.full', { r, retry: 'backoff' });
  }

  /** Sends what nothing stands in the way of. */
  sendAll(): void {
    this.#cancelTimer();
    const now = this.clock.read();
    let next = Number.POSITIVE_INFINITY;
    for (const write of [...this.waiting]) {
      if (!this.#isUp || this.#inFlight.size >= mostInFlight) break;
      if (write.isSettled || write.blockers.size > 0 || this.#inFlight.has(write)) continue;
      if (write.isKept && !this.#context.keeper?.isSender) continue;
      const { notBefore = 0 } = write.getSnapshot() as { readonly notBefore?: number };
      if (notBefore > now) next = Math.min(next, notBefore);
      else this.#send(write, now);
    }
    if (next === Number.POSITIVE_INFINITY) return;
    this.#cancelTimer = this.platform.setTimer(Math.max(1, next - now), () => this.sendAll());
  }

  #send(write: ClientWrite, now: number): void {
    const { firstSentAt } = write;
    const isLate = this.#isLate(firstSentAt, now);
    if (isLate && !write.commands.every(isRepeatable)) {
      this.end(write, { state: 'uncertain', error: clientError('write.uncertain') });
      return;
    }
    const request = write.request ?? writeRequest(write);
    if (typeof request === 'string') {
      this.#learn(write, request);
      return;
    }
    write.request = request;
    const isRepeat = firstSentAt !== undefined;
    // First: a listener may make another write, which sends all.
    this.#inFlight.set(write, () => {});
    if (write.isKept && !isRepeat && !write.isMarked) {
      this.#mark(write);
      return;
    }
    write.apply({ event: 'send', at: now });
    // Or end it.
    if (write.isSettled) return;
    this.#start(write, request, (outcome) => {
      if (outcome.kind === 'lost') this.#lost(write);
      else if (outcome.kind === 'answer') this.#commit(write, outcome.message);
      else this.#handleError(write, outcome.error, isRepeat, isLate);
    });
  }

  /** Another page, or a later one, has to know that it may have been sent, before it is. */
  #mark(write: ClientWrite): void {
    void this.#context.keeper?.mark(write).then((isMarked) => {
      write.isMarked = isMarked;
      if (this.#inFlight.delete(write)) this.sendAll();
    });
  }

  #start(write: ClientWrite, request: WireRequest, end: (outcome: Outcome) => void): void {
    const { requests, platform, timeout } = this.#context;
    const cancel = platform.setTimer(write.options.timeout ?? timeout, () =>
      this.#fail(write, clientError('request.timeout', { retry: 'backoff' })),
    );
    let forget = () => {};
    this.#inFlight.set(write, () => {
      cancel();
      forget();
    });
    forget = requests.start(request, (outcome) => {
      this.#stop(write);
      end(outcome);
    });
  }

  #stop(write: ClientWrite): void {
    this.#inFlight.get(write)?.();
    this.#inFlight.delete(write);
  }

  /** What the server compares with a revision needs one: that which the object has now. */
  #learn(write: ClientWrite, r: string): void {
    const { seen } = this.#context;
    this.#start(write, { cmd: 'get', r, cmdOpts: { fields: [] } }, (outcome) => {
      if (outcome.kind === 'error') this.#handleError(write, outcome.error);
      if (outcome.kind !== 'answer') return;
      seen.learnt(r, Number(outcome.message.body?._rev), write);
      this.sendAll();
    });
  }

  #isLate(firstSentAt: number | undefined, now: number): boolean {
    const { onceWindow } = this.#context;
    const margin = Math.min(60_000, onceWindow / 4);
    return firstSentAt !== undefined && now - firstSentAt >= onceWindow - margin;
  }

  #lost(write: ClientWrite): void {
    write.isInDoubt = true;
    write.apply({ event: 'lose' });
  }

  #handleError(write: ClientWrite, error: ReallyError, isRepeat = false, isLate = false): void {
    const effect = errorEffectOf(write, error, isRepeat, isLate);
    if (effect === 'done') this.#commit(write, { meta: { repeated: true } });
    else if (effect !== 'defer') this.end(write, effect);
    else {
      const wait = retryDelay(this.platform, error.retryAfter);
      write.apply({ event: 'defer', notBefore: this.clock.read() + wait });
      this.sendAll();
    }
  }

  #commit(write: ClientWrite, answer: WireMessage): void {
    this.end(write, { state: 'committed', results: resultsOf(write, answer) });
  }

  /** Ends a write that waits, and those that cannot succeed without it. */
  end(write: ClientWrite, ending: WriteEnding): void {
    if (write.isSettled) return;
    const { listener, keeper, seen } = this.#context;
    if (write.isKept) keeper?.end(write, ending);
    this.#stop(write);
    this.waiting.delete(write);
    if (ending.state === 'committed') {
      const { results } = ending;
      for (const [index, command] of write.commands.entries()) {
        const { rev } = results[index] ?? {};
        if (rev === undefined) continue;
        const waiting = this.writesTo(command.r);
        seen.committed(command, rev, waiting);
        keeper?.rebased(waiting);
      }
      write.revs = results.map(({ rev }) => rev);
      this.commits += 1;
      listener.onCommitted(write);
      write.apply({ event: 'commit', result: appResult(write, results) });
    } else {
      const { state, error } = ending;
      write.apply({ event: state === 'refused' ? 'refuse' : 'doubt', error });
      listener.onFailed(write, error);
      if (state === 'refused') this.#refuseDependents(write, error);
    }
    for (const other of this.waiting) other.blockers.delete(write);
    listener.onQueueChanged();
    this.sendAll();
  }

  #refuseDependents(write: ClientWrite, cause: ReallyError): void {
    for (const other of [...this.waiting]) {
      if (!other.blockers.has(write) || !needs(other, write)) continue;
      const r = other.commands[0]?.r;
      const error = clientError('dependency.refused', { r, cause });
      this.end(other, { state: 'refused', error });
    }
  }

  /** Ends it from outside: what was sent may have been applied. */
  #fail(write: ClientWrite, error: ReallyError): void {
    const { keeper } = this.#context;
    const end = (isUnsent: boolean) =>
      this.end(write, { state: isUnsent ? 'refused' : 'uncertain', error });
    const isUnsent = write.firstSentAt === undefined;
    // Another page may be sending what is kept.
    if (isUnsent && write.isKept && !keeper?.isSender) void keeper?.takeBack(write).then(end);
    else end(isUnsent);
  }

  #failAll(error: ReallyError): void {
    for (const write of [...this.waiting]) {
      // What is kept stays there, for its user and a later page.
      write.isKept = false;
      this.#fail(write, error);
    }
  }

  #watchSignal(write: ClientWrite): void {
    const { signal } = write.options;
    if (!signal) return;
    const abort = () =>
      this.#fail(write, clientError('aborted', { r: write.commands[0]?.r, cause: signal.reason }));
    signal.addEventListener('abort', abort);
    const forget = () => signal.removeEventListener('abort', abort);
    write.committed.then(forget, forget);
  }
}
