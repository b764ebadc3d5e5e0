import { FairQueue } from '../../../../platform/scheduling/fair-queue.js';
import type { ScriptCall } from './script-call.js';

/**
 * What waits for the fast lane, one call of each asker in turn: first what was taken back from a thread, then what is likely to
 * end soon, then what may take long, since it did so lately or is not known yet. Who holds threads already has less of a turn.
 */
export class FairScriptQueue {
  readonly #isDoubtful: (job: ScriptCall) => boolean;
  readonly #back = new FairQueue<ScriptCall>();
  readonly #likely = new FairQueue<ScriptCall>();
  readonly #doubtful = new FairQueue<ScriptCall>();

  /** `isDoubtful`: whether a call may take long, as far as is known by now. */
  constructor(isDoubtful: (job: ScriptCall) => boolean) {
    this.#isDoubtful = isDoubtful;
  }

  get size(): number {
    return this.#back.size + this.#likely.size + this.#doubtful.size;
  }

  push(job: ScriptCall): void {
    (this.#isDoubtful(job) ? this.#doubtful : this.#likely).push(job.asker, job);
  }

  /** It has had its turn, and waits before the others. */
  pushBack(job: ScriptCall): void {
    (this.#isDoubtful(job) ? this.#doubtful : this.#back).push(job.asker, job);
  }

  /** The next calls, without those that `fits` takes elsewhere; `doubtful`: also those that may take long. */
  take(most: number, doubtful: boolean, fits: (job: ScriptCall) => boolean): ScriptCall[] {
    const jobs: ScriptCall[] = [];
    // However much is likely to end soon, a little of the rest goes with it.
    const kept = doubtful ? Math.min(this.#doubtful.size, Math.ceil(most / 10)) : 0;
    for (const queue of [this.#back, this.#likely]) {
      while (jobs.length < most - kept) {
        const job = queue.shift();
        if (job === undefined) break;
        if (this.#isDoubtful(job)) this.#doubtful.push(job.asker, job);
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

  /** Who holds one thread may have no other for what may take long; who holds more may have none at all. */
  holds(asker: string, threads: number): void {
    if (threads > 0) this.#doubtful.pause(asker);
    else this.#doubtful.resume(asker);
    for (const queue of [this.#back, this.#likely]) {
      if (threads > 1) queue.pause(asker);
      else queue.resume(asker);
    }
  }

  /** Takes out everything. */
  clear(): ScriptCall[] {
    return [this.#back, this.#likely, this.#doubtful].flatMap((queue) => queue.clear());
  }
}
