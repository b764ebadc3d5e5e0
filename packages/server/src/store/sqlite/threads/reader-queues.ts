import { FairQueue } from '../../../platform/scheduling/fair-queue.js';
import type { ReaderJob } from './reader-job.js';

/**
 * Milliseconds that a read may have the thread for quick ones while others wait for it: at first what an index finds needs, then some
 * more, and then it is a long one.
 */
const quanta = [4, 20] as const;

/** Quick reads that come before one of those that have needed more than the first quantum. */
const inARow = 8;

/**
 * The reads that wait for threads: fresh ones, those that have needed more than a moment, and long ones; of each kind one of each
 * owner in turn.
 */
export class ReaderQueues {
  readonly #fresh = [new FairQueue<ReaderJob>(), new FairQueue<ReaderJob>()] as const;
  readonly #long = new FairQueue<ReaderJob>();
  /** Those that nobody can stop. */
  readonly #unstoppable = new Set<ReaderJob>();
  /** Long ones that gave way: their turn has come already. */
  readonly #returned = new Set<ReaderJob>();
  /** Shared with the threads: reads give way to so many that are not long. */
  readonly waiting = new Int32Array(new SharedArrayBuffer(4));
  #row = 0;

  get size(): number {
    const [first, second] = this.#fresh;
    return first.size + second.size + this.long + this.#unstoppable.size;
  }

  /** What has given way as often as it may is a long one. */
  push(job: ReaderJob): void {
    const { owner, level } = job;
    const fresh = this.#fresh[level];
    if (job.isUnstoppable) this.#unstoppable.add(job);
    else if (fresh) fresh.push(owner, job);
    else if (level === quanta.length) this.#long.push(owner, job);
    else this.#returned.add(job);
    this.#tell();
  }

  delete(job: ReaderJob): void {
    for (const queue of [...this.#fresh, this.#long]) queue.delete(job.owner, job);
    this.#returned.delete(job);
    this.#unstoppable.delete(job);
    this.#tell();
  }

  /** For a thread that is not kept for what is quick: what begins there need not begin anew. */
  shift(): ReaderJob | undefined {
    const [unstoppable] = this.#unstoppable;
    if (unstoppable) this.#unstoppable.delete(unstoppable);
    return unstoppable ?? this.#shiftLong() ?? this.shiftQuick();
  }

  /** How many wait that are long, and may be stopped. */
  get long(): number {
    return this.#long.size + this.#returned.size;
  }

  /** For the thread that is kept for what is quick. `isCalm`: hardly any of these come, so that it may take a long one. */
  shiftQuick({ isCalm = true } = {}): ReaderJob | undefined {
    const [first, second] = this.#fresh;
    this.#row = this.#row < inARow ? this.#row + 1 : 0;
    const job =
      this.#row === 0 ? (second.shift() ?? first.shift()) : (first.shift() ?? second.shift());
    this.#tell();
    return job ?? (isCalm ? this.#shiftLong() : undefined);
  }

  /** How long this read may have the thread for quick ones while others wait for it. */
  quantumOf({ level }: ReaderJob): number {
    return quanta[level] ?? 0;
  }

  #shiftLong(): ReaderJob | undefined {
    const [returned] = this.#returned;
    if (!returned) return this.#long.shift();
    this.#returned.delete(returned);
    return returned;
  }

  #tell(): void {
    const [first, second] = this.#fresh;
    Atomics.store(this.waiting, 0, first.size + second.size);
  }
}
