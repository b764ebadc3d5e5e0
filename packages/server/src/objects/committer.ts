import { isDeepStrictEqual } from 'node:util';
import type { Bus } from '../bus/bus.js';
import type { Limits } from '../platform/limits.js';
import type { Log } from '../platform/log.js';
import type { Counter, Histogram, Metrics } from '../platform/metrics.js';
import type { Clock } from '../platform/platform.js';
import type { Span } from '../platform/tracing.js';
import type { Store } from '../store/store.js';
import { OutcomeUnknown } from '../store/store-errors.js';
import type { CommittedChange, Pos } from '../store/stored-object.js';
import type { GroupOutcome, Write, WriteGroup } from '../store/write-group.js';

/**
 * As the store reports it, or that the whole commit failed and nothing was written, as far as is
 * known: see `mayHaveWritten`.
 */
export type Settlement = GroupOutcome | { readonly kind: 'failed'; readonly error: unknown };

/** Writes that are committed together or not at all, on their way to the store. */
export interface CommitEntry {
  readonly group: WriteGroup;
  /** Approximate size. */
  readonly bytes: number;
  /** Set by the owner when it must not be written: the write it builds on has failed. */
  readonly dropped: boolean;
  /** Set when its commit begins. */
  begun: boolean;
  /** Span of the command, where it is traced. */
  readonly span?: Span | undefined;
  /** Called once, in the order of the groups; not for entries dropped before their commit began. */
  settle(settlement: Settlement): void;
}

export interface CommitterOptions {
  readonly store: Store;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Of a commit, unless a single group is larger. */
  readonly limits: Pick<Limits, 'commitWrites' | 'commitBytes'>;
}

/**
 * Group commit: one commit runs at a time, and writes that arrive meanwhile go with the next, so
 * that many clients share one fsync.
 *
 * Once a commit is on disk, its entries are settled in order, and then its changes are published on
 * the bus. Publishing waits for a tick of the event loop, in which the handlers queue their
 * responses: so a client that writes and subscribes on one socket gets the response before the
 * push.
 */
export class Committer {
  readonly #options: CommitterOptions;
  readonly #duration: Histogram;
  readonly #size: Histogram;
  readonly #failures: Counter;
  #queue: CommitEntry[] = [];
  /** Spans of traced entries; an entry dropped while it waits is not recorded. */
  readonly #spans = new WeakMap<CommitEntry, Span>();
  /** While something waits or is committed. */
  #running: Promise<void> | undefined;
  /** The position of the last change that was answered. */
  #position: Pos | undefined;
  /** Resolves when the commit begun last has ended: settled and published, or failed. */
  #ended = Promise.resolve();

  constructor(options: CommitterOptions) {
    this.#options = options;
    const { metrics } = options;
    this.#duration = metrics.histogram(
      'really_commit_duration_seconds',
      'Time from the start of a commit until it is on disk.',
      [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
    );
    this.#size = metrics.histogram(
      'really_commit_writes',
      'Writes that shared one commit.',
      [1, 2, 4, 8, 16, 32, 64, 128, 256],
    );
    this.#failures = metrics.counter(
      'really_commit_failures_total',
      'Commits that failed as a whole.',
    );
  }

  /** Writes that wait for a commit. */
  get waiting(): number {
    return this.#queue.length;
  }

  add(entry: CommitEntry): void {
    this.#queue.push(entry);
    // Includes the wait for the commit before it.
    if (entry.span) this.#spans.set(entry, entry.span.child('commit'));
    // Deferred, so that other sockets that are readable in this tick get into the same commit.
    this.#running ??= new Promise((resolve) => setImmediate(() => resolve(this.#run())));
  }

  /** Resolves when nothing waits, no commit runs, and everything is published. */
  async drained(): Promise<void> {
    do {
      await this.#running;
      await this.#ended;
    } while (this.#running);
  }

  /**
   * Resolves when every commit begun so far has ended: whatever a read before this call saw is
   * answered and published by then. They end in the order in which they began.
   */
  published(): Promise<void> {
    return this.#ended;
  }

  async #run(): Promise<void> {
    for (let batch = this.#nextBatch(); batch.length > 0; batch = this.#nextBatch()) {
      await this.#commit(batch);
    }
    this.#running = undefined;
  }

  /** The next batch; leaves out entries that were dropped while they waited. */
  #nextBatch(): CommitEntry[] {
    const batch: CommitEntry[] = [];
    let writes = 0;
    let bytes = 0;
    let taken = 0;
    for (const entry of this.#queue) {
      if (!entry.dropped) {
        writes += entry.group.writes.length;
        bytes += entry.bytes;
        if (batch.length > 0 && this.#isTooMuch(writes, bytes)) break;
        entry.begun = true;
        batch.push(entry);
      }
      taken += 1;
    }
    this.#queue = taken === this.#queue.length ? [] : this.#queue.slice(taken);
    return batch;
  }

  #isTooMuch(writes: number, bytes: number): boolean {
    const { commitWrites, commitBytes } = this.#options.limits;
    return writes > commitWrites || bytes > commitBytes;
  }

  async #commit(batch: readonly CommitEntry[]): Promise<void> {
    const { store, clock } = this.#options;
    const began = clock.monotonic();
    let end = () => {};
    this.#ended = new Promise((resolve) => {
      end = resolve;
    });
    let outcomes: readonly GroupOutcome[];
    try {
      outcomes = await store.commit(batch.map(({ group }) => group));
      if (outcomes.length !== batch.length) throw new Error('not one outcome for each group');
    } catch (error) {
      const found = error instanceof OutcomeUnknown ? await this.#find(batch) : undefined;
      if (!found) {
        this.#fail(batch, error);
        this.#publish([], end);
        return;
      }
      outcomes = found;
    }
    this.#duration.record((clock.monotonic() - began) / 1000);
    this.#size.record(batch.reduce((sum, { group }) => sum + group.writes.length, 0));
    this.#publish(this.#settle(batch, outcomes), end);
  }

  /**
   * The outcomes of a commit that the store has not answered, where the store shows that it wrote
   * the whole. No other commit runs meanwhile.
   */
  async #find(batch: readonly CommitEntry[]): Promise<GroupOutcome[] | undefined> {
    const { store } = this.#options;
    const writes = batch.flatMap(({ group }) => group.writes);
    const isPlain = batch.every(({ group }) => group.writes.length > 0);
    if (!store.isSoleWriter || !isPlain) return undefined;
    try {
      let pos = (await store.position()) - writes.length;
      if (pos !== this.#position) return undefined;
      const objects = new Map(writes.map(({ object }) => [object.r, object]));
      const stored = await store.getMany([...objects.keys()]);
      const isWhole = [...objects.values()].every(({ rev, data }, index) => {
        const found = stored[index];
        return found?.rev === rev && isDeepStrictEqual(found.data, data);
      });
      if (!isWhole) return undefined;
      return batch.map(({ group }) => {
        return { kind: 'committed', positions: group.writes.map(() => ++pos) };
      });
    } catch {
      return undefined;
    }
  }

  /** Returns the changes, to be published. */
  #settle(
    batch: readonly CommitEntry[],
    outcomes: readonly GroupOutcome[],
  ): readonly CommittedChange[] {
    const changes: CommittedChange[] = [];
    batch.forEach((entry, index) => {
      const outcome = outcomes[index];
      if (!outcome) return;
      if (outcome.kind === 'committed') {
        entry.group.writes.forEach((write, at) => {
          changes.push(committed(write, outcome.positions[at] ?? 0, entry));
        });
      }
      this.#endSpan(entry, outcome.kind, batch);
      entry.settle(outcome);
    });
    this.#position = changes.at(-1)?.pos ?? this.#position;
    return changes;
  }

  #fail(batch: readonly CommitEntry[], error: unknown): void {
    this.#failures.add();
    this.#options.log.error({ err: error, writes: batch.length }, 'a commit failed');
    for (const entry of batch) {
      this.#endSpan(entry, 'failed', batch);
      entry.settle({ kind: 'failed', error });
    }
  }

  #endSpan(entry: CommitEntry, result: Settlement['kind'], batch: readonly CommitEntry[]): void {
    if (!entry.span) return;
    const attributes = { 'really.result': result, 'really.commit.groups': batch.length };
    this.#spans.get(entry)?.end(attributes, result === 'failed');
  }

  #publish(changes: readonly CommittedChange[], end: () => void): void {
    process.nextTick(() => {
      if (changes.length > 0) this.#options.bus.publish(changes);
      end();
    });
  }
}

/** The change as published. Spelled out because it is done for every write. */
function committed(
  { change, object }: Write,
  pos: number,
  { group, span }: CommitEntry,
): CommittedChange {
  const { r, rev, type, delta, touched, created, by, modelVersion, at, cause } = change;
  const once = group.once?.id;
  const trace = span?.traceparent;
  return {
    r,
    rev,
    type,
    delta,
    touched,
    created,
    by,
    modelVersion,
    at,
    cause,
    once,
    pos,
    object,
    trace,
  };
}
