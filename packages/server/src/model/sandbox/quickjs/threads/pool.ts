import type { Clock, Timer } from '../../../../platform/platform.js';
import { encodeStopped, encodeThrew, refusedAnswer } from '../result-codec.js';
import { FairScriptQueue, type Prospect } from './fair-script-queue.js';
import { HeldThreads } from './held-threads.js';
import { Quarantine } from './quarantine.js';
import { ScriptAdmission, type ScriptAdmissionOptions } from './script-admission.js';
import type { ScriptCall } from './script-call.js';
import type { Running, ScriptThread, ThreadOwner } from './script-thread.js';
import { ThreadManager, type ThreadManagerOptions } from './thread-manager.js';

export interface PoolOptions extends ThreadManagerOptions {
  readonly clock: Clock;
  readonly room: ScriptAdmissionOptions;
  readonly print: (file: string, text: string) => void;
}

/**
 * Assigns calls of scripts to threads.
 *
 * One thread at a time takes the waiting calls as a batch, one of each owner in turn. A call that takes long keeps its
 * thread alone, and the rest of the batch goes on in a warm one: a call that hangs costs the others only the time until
 * that is noticed, and only once, since the next one of that script and owner has a thread to itself from the beginning.
 * An owner with several such threads waits until one of them is free. A thread whose call exceeds its
 * limit and does not return is ended. Calls of a script and owner that exceeded the limit lately go to the quarantine, which
 * has a thread of its own; calls are traced there, to know the line where one hangs.
 */
export class Pool implements ThreadOwner {
  readonly #options: PoolOptions;
  readonly #threads: ThreadManager;
  readonly #room: ScriptAdmission;
  readonly #queue = new FairScriptQueue((job) => this.#prospect(job));
  readonly #quarantine: Quarantine;
  readonly #held = new HeldThreads<ScriptThread>();
  /** Milliseconds after which a call takes long. */
  readonly #patience: number;
  /** Milliseconds after which its thread is ended: the engine's own check comes first where it can. */
  readonly #last: number;
  #fast: ScriptThread | undefined;
  #slowRunner: ScriptThread | undefined;
  #flushing = false;
  #watch: Timer | undefined;
  #closed = false;
  #started: ((error?: Error) => void) | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#threads = new ThreadManager(options, this);
    this.#room = new ScriptAdmission(options.room);
    const { time } = options.limits;
    this.#patience = Math.min(10, Math.max(2, time / 5));
    this.#last = time + Math.max(10, time / 2);
    this.#quarantine = new Quarantine({ mostWaiting: 1000, longestWait: time * 20 });
  }

  /** Resolves when the first thread is ready, rejects where none starts. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#started = (error) => (error === undefined ? resolve() : reject(error));
      this.#threads.ensureThreads();
    });
  }

  /** Calls that wait for a thread. */
  get waiting(): number {
    return this.#queue.size + this.#quarantine.size;
  }

  /** Bytes of the pending calls. */
  get used(): number {
    return this.#room.used;
  }

  submit(job: ScriptCall): void {
    const refusal = this.#refusalOf(job);
    if (refusal !== undefined) {
      job.settle(refusal);
      return;
    }
    this.#queue.push(job);
    if (this.#flushing) return;
    this.#flushing = true;
    // All calls of this tick of the event loop are sent together.
    setImmediate(() => {
      this.#flushing = false;
      this.#pump();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watch?.cancel();
    const inThreads = [...this.#threads.threads].flatMap((thread) => thread.unanswered);
    for (const job of [...inThreads, ...this.#queue.clear(), ...this.#quarantine.clear()]) {
      this.#settle(job, closed);
    }
    await this.#threads.close();
  }

  ready(): void {
    this.#threads.ready();
    this.#started?.();
    this.#started = undefined;
    this.#pump();
  }

  answered(job: ScriptCall, answer: string, milliseconds: number): void {
    const overran = isOverrun(answer);
    const isSlow = milliseconds >= this.#patience;
    // Others may have been slow because the machine is busy: those only if they are seen to be, by `#check`.
    if (isSlow && this.#held.isDear(job, this.#now)) this.#held.tookLong(job, this.#now);
    if (job.scope !== null) {
      this.#options.metrics.called(answer, milliseconds);
      job.compiled.proven = !overran;
    }
    if (overran) {
      this.#quarantine.strike(job, this.#now);
      this.#room.overran(job, this.#now);
    } else this.#quarantine.well(job, this.#now);
    this.#settle(job, answer);
  }

  printed(job: ScriptCall, text: string): void {
    // Its output was logged the first time.
    if (!job.again) this.#options.print(job.compiled.source.file, text);
  }

  done(thread: ScriptThread): void {
    this.#leave(thread);
    if (thread.overused) this.#threads.recycle(thread);
    this.#pump();
  }

  failed(thread: ScriptThread, error: Error): void {
    const running = thread.running(this.#now)?.job;
    const rest = thread.takeBack();
    this.#options.log.error({ error: error.message }, 'a thread of the sandbox failed');
    this.#leave(thread);
    this.#threads.end(thread, 'failed');
    if (running !== undefined) this.answered(running, answerOfFailure(error), 0);
    for (const job of rest) {
      job.failures++;
      if (job.failures >= mostFailures) this.#settle(job, overloaded);
    }
    if (this.#threads.unable) {
      for (const job of [...rest, ...this.#queue.clear()]) this.#settle(job, overloaded);
      this.#started?.(error);
    }
    this.#requeue(rest);
    this.#pump();
  }

  get #now(): number {
    return this.#options.clock.monotonic();
  }

  #settle(job: ScriptCall, answer: string): void {
    if (job.settled) return;
    this.#room.leave(job);
    job.settle(answer);
  }

  /** The immediate result if it may not wait. */
  #refusalOf(job: ScriptCall): string | undefined {
    if (this.#closed) return closed;
    if (this.#threads.unable) return overloaded;
    const refusal = this.#room.enter(job, this.#now);
    return refusal && refusedAnswer(refusal);
  }

  /** Puts calls ahead of the waiting ones. */
  #requeue(jobs: readonly ScriptCall[]): void {
    for (const job of jobs) {
      if (!job.settled) this.#queue.pushBack(job);
    }
  }

  #prospect(job: ScriptCall): Prospect {
    const now = this.#now;
    if (this.#held.isDear(job, now)) return 'long';
    return job.compiled.proven || this.#quarantine.isWell(job, now) ? 'soon' : 'unknown';
  }

  #pump(): void {
    if (this.#closed) return;
    this.#runFast();
    this.#runSlow();
    while (this.#runDear());
    this.#threads.ensureThreads();
    const busy =
      this.#quarantine.size > 0 || [...this.#threads.threads].some((thread) => thread.busy);
    if (busy) this.#watch ??= this.#options.timers.after(this.#patience / 2, () => this.#check());
  }

  #runFast(): void {
    const { idle } = this.#threads;
    const [thread] = idle;
    if (this.#fast !== undefined || thread === undefined || this.#queue.size === 0) return;
    // If several calls hang, the last thread is for those that are likely to end soon.
    const doubtful = idle.length > 1 || this.#held.size < 2;
    const now = this.#now;
    const jobs = this.#queue.take(mostInBatch, doubtful, (job) => this.#isFast(job, now));
    if (jobs.length === 0) return;
    this.#fast = thread;
    thread.run(jobs, this.#options.clock.now());
  }

  /** Whether it is for the fast queue now; otherwise it is answered, or waits elsewhere. */
  #isFast(job: ScriptCall, now: number): boolean {
    if (this.#isHeldBack(job, now)) return false;
    if (!this.#quarantine.has(job, now)) return true;
    if (!this.#quarantine.add(job, now)) this.#settle(job, encodeStopped('time', undefined));
    return false;
  }

  /** Whether its owner was refused while it waited; it is answered then. */
  #isHeldBack(job: ScriptCall, now: number): boolean {
    const refusal = this.#room.refusalOf(job, now);
    if (refusal !== undefined) this.#settle(job, refusedAnswer(refusal));
    return refusal !== undefined;
  }

  /** The last idle thread is not for a call that may hang. */
  #runSlow(): void {
    const { idle } = this.#threads;
    const thread = idle.at(-1);
    if (this.#slowRunner !== undefined || thread === undefined || idle.length < 2) return;
    const now = this.#now;
    let job = this.#quarantine.next(now);
    while (job !== undefined && this.#isHeldBack(job, now)) job = this.#quarantine.next(now);
    if (job === undefined) return;
    this.#slowRunner = thread;
    thread.run([job], this.#options.clock.now(), { traced: true });
  }

  /** A call that is likely to take long is not for the thread that all others wait for. False if none could begin. */
  #runDear(): boolean {
    const { idle } = this.#threads;
    const thread = idle.at(-1);
    if (thread === undefined || idle.length < 2) return false;
    const now = this.#now;
    const job = this.#queue.takeDear((waiting) => this.#isFast(waiting, now));
    if (job === undefined) return false;
    this.#hold(thread, job.owner);
    thread.run([job], this.#options.clock.now(), { isAlone: true });
    return true;
  }

  #check(): void {
    this.#watch = undefined;
    const now = this.#now;
    for (const thread of this.#threads.threads) {
      const running = thread.running(now);
      if (running === undefined) continue;
      if (this.#isOver(running)) this.#endOverrun(thread, running.job);
      else if (running.milliseconds >= this.#patience && thread === this.#fast) {
        this.#setAside(thread, running.job);
      }
    }
    for (const job of this.#quarantine.expire(now))
      this.#settle(job, encodeStopped('time', undefined));
    this.#pump();
  }

  /** A thread that gets no processor is given more time, within limits. */
  #isOver({ job, milliseconds, ran }: Running): boolean {
    const moreTime = job.run?.moreTime ?? 0;
    const time = this.#options.limits.time + moreTime;
    if (milliseconds < this.#last + moreTime) return false;
    return ran >= time || milliseconds >= time * patienceFactor;
  }

  #setAside(thread: ScriptThread, job: ScriptCall): void {
    this.#fast = undefined;
    this.#held.tookLong(job, this.#now);
    this.#hold(thread, job.owner);
    this.#requeue(thread.takeBack());
  }

  #hold(thread: ScriptThread, owner: string): void {
    this.#held.add(thread, owner);
    this.#queue.holds(owner, this.#held.of(owner));
  }

  #endOverrun(thread: ScriptThread, job: ScriptCall): void {
    const { line, traced } = thread;
    const rest = thread.takeBack();
    const { file } = job.compiled.source;
    // If the line is not known yet, it runs once more to find it.
    const log = this.#options.log[traced ? 'warn' : 'debug'];
    log({ script: file, line }, 'a script hung, and its thread was ended');
    this.#leave(thread);
    this.#threads.end(thread, 'overran');
    this.#quarantine.strike(job, this.#now);
    if (job.scope === null) this.#settle(job, tooLongToCompile);
    else if (traced) this.answered(job, encodeStopped('time', line), this.#last);
    else {
      job.again = true;
      this.#quarantine.addFirst(job, this.#now);
    }
    this.#requeue(rest);
  }

  /** A thread is no longer reserved. */
  #leave(thread: ScriptThread): void {
    if (this.#fast === thread) this.#fast = undefined;
    if (this.#slowRunner === thread) this.#slowRunner = undefined;
    const owner = this.#held.release(thread);
    if (owner !== undefined) this.#queue.holds(owner, this.#held.of(owner));
  }
}

function isOverrun(answer: string): boolean {
  return answer.startsWith('s["time"');
}

function answerOfFailure(error: Error & { readonly code?: unknown }): string {
  if (error.code === 'ERR_WORKER_OUT_OF_MEMORY') return encodeStopped('memory', undefined);
  return encodeThrew(`the sandbox failed: ${error.message}`, undefined);
}

const closed = encodeThrew('the sandbox is closed', undefined);
const tooLongToCompile = encodeThrew('it takes too long to compile', undefined);
const overloaded = encodeThrew('the sandbox has too much to do', undefined);
/** Multiple of its limit that a call may take if its thread does not get to run. */
const patienceFactor = 40;
const mostInBatch = 2000;
/** How many threads may fail with a call that they have not begun. */
const mostFailures = 5;
