import { FairQueue } from '../../../../platform/scheduling/fair-queue.js';
import type { ScriptCall } from './script-call.js';

/**
 * Calls waiting for the fast queue, one of each owner in turn: first those taken back from a thread, then those
 * likely to end soon, then those that may take long, because they did so lately or are unknown. An owner that holds
 * threads gets less.
 */
export class FairScriptQueue {
  readonly #isDoubtful: (job: ScriptCall) => boolean;
  readonly #back = new FairQueue<ScriptCall>();
  readonly #likely = new FairQueue<ScriptCall>();
  readonly #doubtful = new FairQueue<ScriptCall>();

  /** `isDoubtful`: whether a call may take long, by what is known now. */
  constructor(isDoubtful: (job: ScriptCall) => boolean) {
    this.#isDoubtful = isDoubtful;
  }

  get size(): number {
    return this.#back.size + this.#likely.size + this.#doubtful.size;
  }

  push(job: ScriptCall): void {
    (this.#isDoubtful(job) ? this.#doubtful : this.#likely).push(job.owner, job);
  }

  /** It has had its turn, and waits ahead of the others. */
  pushBack(job: ScriptCall): void {
    (this.#isDoubtful(job) ? this.#doubtful : this.#back).push(job.owner, job);
  }

  /** The next calls, without those that `fits` takes elsewhere; `doubtful`: also those that may take long. */
  take(most: number, doubtful: boolean, fits: (job: ScriptCall) => boolean): ScriptCall[] {
    const jobs: ScriptCall[] = [];
    // Even if many calls are likely to end soon, a few of the rest go with them.
    const kept = doubtful ? Math.min(this.#doubtful.size, Math.ceil(most / 10)) : 0;
    for (const queue of [this.#back, this.#likely]) {
      while (jobs.length < most - kept) {
        const job = queue.shift();
        if (job === undefined) break;
        if (this.#isDoubtful(job)) this.#doubtful.push(job.owner, job);
        else if (fits(job)) jobs.push(job);
      }
    }
    while (doubtful && jobs.length < most) {
      const job = this.#doubtful.shift();
      if (job === undefined) break;
      if (fits(job)) jobs.push(job);
    }
    return jobs;
  }

  /** An owner that holds one thread gets no other for calls that may take long; one that holds more gets none at all. */
  holds(owner: string, threads: number): void {
    if (threads > 0) this.#doubtful.pause(owner);
    else this.#doubtful.resume(owner);
    for (const queue of [this.#back, this.#likely]) {
      if (threads > 1) queue.pause(owner);
      else queue.resume(owner);
    }
  }

  /** Removes and returns everything. */
  clear(): ScriptCall[] {
    return [this.#back, this.#likely, this.#doubtful].flatMap((queue) => queue.clear());
  }
}
