import { FairQueue } from '../../../../platform/scheduling/fair-queue.js';
import type { ScriptCall } from './script-call.js';

/** When a call is likely to end. */
export type Prospect = 'soon' | 'long' | 'unknown';

/**
 * Calls waiting for a thread, one of each owner in turn: first those taken back from a thread, then those likely to end
 * soon, then those that are unknown. Those that took long lately are dear: they wait for a thread of their own. An owner
 * that holds threads gets less.
 */
export class FairScriptQueue {
  readonly #prospect: (job: ScriptCall) => Prospect;
  readonly #back = new FairQueue<ScriptCall>();
  readonly #likely = new FairQueue<ScriptCall>();
  readonly #doubtful = new FairQueue<ScriptCall>();
  readonly #dear = new FairQueue<ScriptCall>();
  readonly #all = [this.#back, this.#likely, this.#doubtful, this.#dear];

  /** `prospect`: what to expect of a call by what is known now. */
  constructor(prospect: (job: ScriptCall) => Prospect) {
    this.#prospect = prospect;
  }

  get size(): number {
    return this.#all.reduce((sum, queue) => sum + queue.size, 0);
  }

  push(job: ScriptCall): void {
    this.#queueFor(job, this.#likely).push(job.owner, job);
  }

  /** It has had its turn, and waits ahead of the others. */
  pushBack(job: ScriptCall): void {
    this.#queueFor(job, this.#back).push(job.owner, job);
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
        if (this.#prospect(job) !== 'soon') this.pushBack(job);
        else if (fits(job)) jobs.push(job);
      }
    }
    while (doubtful && jobs.length < most) {
      const job = this.#doubtful.shift();
      if (job === undefined) break;
      if (this.#prospect(job) === 'long') this.#dear.push(job.owner, job);
      else if (fits(job)) jobs.push(job);
    }
    return jobs;
  }

  /** The next call that takes long, without those that `fits` takes elsewhere. */
  takeDear(fits: (job: ScriptCall) => boolean): ScriptCall | undefined {
    let job = this.#dear.shift();
    while (job !== undefined && !fits(job)) job = this.#dear.shift();
    return job;
  }

  /** An owner that holds one thread gets no other for calls that may take long; one that holds more gets none at all. */
  holds(owner: string, threads: number): void {
    for (const queue of [this.#doubtful, this.#dear]) {
      if (threads > 0) queue.pause(owner);
      else queue.resume(owner);
    }
    for (const queue of [this.#back, this.#likely]) {
      if (threads > 1) queue.pause(owner);
      else queue.resume(owner);
    }
  }

  clear(): ScriptCall[] {
    return this.#all.flatMap((queue) => queue.clear());
  }

  #queueFor(job: ScriptCall, soon: FairQueue<ScriptCall>): FairQueue<ScriptCall> {
    const prospect = this.#prospect(job);
    if (prospect === 'long') return this.#dear;
    return prospect === 'soon' ? soon : this.#doubtful;
  }
}
