import { FairQueue } from '../../../platform/scheduling/fair-queue.js';
import type { ReaderJob } from './reader-job.js';

/**
 * Milliseconds that a read may hold the quick thread while others wait: first the time of an index
 * lookup, then some more; after that it counts as long.
 */
const quanta = [4, 20] as const;

/** Quick reads that come before one read that exceeded the first quantum. */
const inARow = 8;

/** Reads that wait: fresh, beyond the first quantum, and long; each kind round-robin by owner. */
export class ReaderQueues {
  readonly #fresh = [new FairQueue<ReaderJob>(), new FairQueue<ReaderJob>()] as const;
  readonly #long = new FairQueue<ReaderJob>();
  /** Reads that cannot be stopped. */
  readonly #unstoppable = new Set<ReaderJob>();
  /** Long reads that yielded: they had their turn already. */
  readonly #returned = new Set<ReaderJob>();
  /** Shared with the threads: the number of waiting reads that are not long. Others yield then. */
  readonly waiting = new Int32Array(new SharedArrayBuffer(4));
  #row = 0;

  get size(): number {
    const [first, second] = this.#fresh;
    return first.size + second.size + this.long + this.#unstoppable.size;
  }

  /** A read that yielded as often as possible is long. */
  push(job: ReaderJob): void {
    const { owner, level } = job;
    const fresh = this.#fresh[level];
    if (job.isUnstoppable) this.#unstoppable.add(job);
    else if (fresh) fresh.push(owner, job);
    else if (level === quanta.length) this.#long.push(owner, job);
    else this.#returned.add(job);
    this.#updateWaiting();
  }

  delete(job: ReaderJob): void {
    for (const queue of [...this.#fresh, this.#long]) queue.delete(job.owner, job);
    this.#returned.delete(job);
    this.#unstoppable.delete(job);
    this.#updateWaiting();
  }

  /** For a thread that is not reserved for quick reads: what begins there need not start over. */
  shift(): ReaderJob | undefined {
    const [unstoppable] = this.#unstoppable;
    if (unstoppable) this.#unstoppable.delete(unstoppable);
    return unstoppable ?? this.#shiftLong() ?? this.shiftQuick();
  }

  /** Number of waiting reads that are long and can be stopped. */
  get long(): number {
    return this.#long.size + this.#returned.size;
  }

  /** For the quick thread. `isCalm`: few new reads arrive, so that it may take a long one. */
  shiftQuick({ isCalm = true } = {}): ReaderJob | undefined {
    const [first, second] = this.#fresh;
    this.#row = this.#row < inARow ? this.#row + 1 : 0;
    const job =
      this.#row === 0 ? (second.shift() ?? first.shift()) : (first.shift() ?? second.shift());
    this.#updateWaiting();
    return job ?? (isCalm ? this.#shiftLong() : undefined);
  }

  quantumOf({ level }: ReaderJob): number {
    return quanta[level] ?? 0;
  }

  #shiftLong(): ReaderJob | undefined {
    const [returned] = this.#returned;
    if (!returned) return this.#long.shift();
    this.#returned.delete(returned);
    return returned;
  }

  #updateWaiting(): void {
    const [first, second] = this.#fresh;
    Atomics.store(this.waiting, 0, first.size + second.size);
  }
}
