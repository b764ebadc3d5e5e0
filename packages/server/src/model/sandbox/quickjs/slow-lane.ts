import type { Compiled } from './compiled.js';
import type { Job } from './job.js';

interface Slow {
  /** Waiting calls. */
  readonly jobs: Job[];
  /** A call of it holds a thread and has not ended. */
  held: boolean;
  /** Its calls come here until then, by the monotonic clock. */
  until: number;
  /** Overruns that count against it. */
  strikes: number;
}

/**
 * Scripts that ran over lately wait here, each in a line of its own, and are run one call at a time,
 * in turn. So whoever shares the fast lane waits for a script that hangs once, and not once per call.
 */
export class SlowLane {
  readonly #slow = new Map<Compiled, Slow>();
  readonly #options: SlowLaneOptions;
  #waiting = 0;

  constructor(options: SlowLaneOptions) {
    this.#options = options;
  }

  /** Calls that wait. */
  get size(): number {
    return this.#waiting;
  }

  /** Whether calls of a script belong here. */
  has(compiled: Compiled, now: number): boolean {
    const slow = this.#slow.get(compiled);
    return slow !== undefined && (slow.held || slow.until > now);
  }

  /** False where its line is full. */
  add(job: Job, now: number): boolean {
    const { jobs } = this.#of(job.compiled);
    if (jobs.length >= this.#options.mostWaiting) return false;
    job.slowSince = now;
    jobs.push(job);
    this.#waiting++;
    return true;
  }

  /** Before all others of its script: it has waited already. */
  addFirst(job: Job, now: number): void {
    job.slowSince = now;
    this.#of(job.compiled).jobs.unshift(job);
    this.#waiting++;
  }

  /** The next call: scripts take turns. */
  next(): Job | undefined {
    for (const [compiled, slow] of this.#slow) {
      const job = slow.jobs.shift();
      if (job === undefined) continue;
      this.#waiting--;
      this.#slow.delete(compiled);
      this.#slow.set(compiled, slow);
      return job;
    }
    return undefined;
  }

  /** A call of it takes long. */
  hold(compiled: Compiled): void {
    this.#of(compiled).held = true;
  }

  /** That call ended. Answers the calls that may go back to the fast lane. */
  release(compiled: Compiled, now: number): Job[] {
    const slow = this.#slow.get(compiled);
    if (slow === undefined) return [];
    slow.held = false;
    if (slow.until > now) return [];
    this.#waiting -= slow.jobs.length;
    return slow.jobs.splice(0);
  }

  /** It ran over: its calls stay here for a while, longer each time. */
  strike(compiled: Compiled, now: number): void {
    const slow = this.#of(compiled);
    slow.held = false;
    if (now > slow.until + forgetAfter) slow.strikes = 0;
    slow.until = now + Math.min(firstStay * 2 ** slow.strikes, longestStay);
    slow.strikes++;
  }

  /** Takes out the calls that have waited too long, and forgets scripts that have been good for long. */
  expire(now: number): Job[] {
    const expired: Job[] = [];
    for (const [compiled, { jobs, held, until }] of this.#slow) {
      while (jobs[0] !== undefined && now - jobs[0].slowSince > this.#options.longestWait) {
        expired.push(...jobs.splice(0, 1));
      }
      if (jobs.length === 0 && !held && now > until + forgetAfter) this.#slow.delete(compiled);
    }
    this.#waiting -= expired.length;
    return expired;
  }

  /** Takes out everything. */
  clear(): Job[] {
    const all = [...this.#slow.values()].flatMap(({ jobs }) => jobs);
    this.#slow.clear();
    this.#waiting = 0;
    return all;
  }

  #of(compiled: Compiled): Slow {
    let slow = this.#slow.get(compiled);
    if (slow === undefined) {
      slow = { jobs: [], held: false, until: 0, strikes: 0 };
      this.#slow.set(compiled, slow);
    }
    return slow;
  }
}

export interface SlowLaneOptions {
  /** Calls of one script. */
  readonly mostWaiting: number;
  /** Milliseconds. */
  readonly longestWait: number;
}

/** Milliseconds. */
const firstStay = 1000;
const longestStay = 60_000;
const forgetAfter = 60_000;
