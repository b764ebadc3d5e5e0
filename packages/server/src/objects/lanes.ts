import type { Job } from './line.js';

/** Keeps the jobs of a lane in order on their way to the commit, although each is in a line of its own. */
export class Lanes {
  /** By owner and name, the last job. Only while it was not tried yet: nobody has to wait for it then. */
  readonly #last = new WeakMap<object, Map<string, Job>>();

  /** Puts a job, if it has a lane, behind the one that came before it there. */
  enter(job: Job): void {
    const { lane } = job.request;
    if (!lane) return;
    const lanes = this.#last.get(lane.owner) ?? new Map<string, Job>();
    this.#last.set(lane.owner, lanes);
    job.behind = lanes.get(lane.name);
    lanes.set(lane.name, job);
    void job.firstTry().then(() => {
      if (lanes.get(lane.name) === job) lanes.delete(lane.name);
      if (lanes.size === 0) this.#last.delete(lane.owner);
    });
  }
}
