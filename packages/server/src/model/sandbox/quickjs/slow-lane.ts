import type { Compiled } from './compiled.js';
import type { Job } from './job.js';

/** The calls of one script for one asker. */
interface Line {
  readonly jobs: Job[];
  /** A call of it holds a thread and has not ended. */
  held: boolean;
  /** Its calls come here until then, by the monotonic clock. */
  until: number;
  /** Overruns that count against it. */
  strikes: number;
}

/**
 * Who ran over lately waits here, and is run one call at a time. Each asker has a line of its own at
 * each script: an input on which a script hangs is the asker's doing as a rule, and others who use the
 * script stay in the fast lane. A script that hangs for several is here for all. Lines take turns, those
 * that never ran over first: so whoever is well waits for one call that hangs, and not for all.
 */
export class SlowLane {
  readonly #scripts = new Map<Compiled, Map<string, Line>>();
  readonly #options: SlowLaneOptions;
  #waiting = 0;

  constructor(options: SlowLaneOptions) {
    this.#options = options;
  }

  /** Calls that wait. */
  get size(): number {
    return this.#waiting;
  }

  /** Whether a call belongs here. */
  has({ compiled, origin }: Job, now: number): boolean {
    const lines = this.#scripts.get(compiled);
    if (lines === undefined) return false;
    const own = lines.get(origin);
    if (own !== undefined && isTroubled(own, now)) return true;
    let troubled = 0;
    for (const line of lines.values()) if (isTroubled(line, now)) troubled++;
    return troubled >= manyLines;
  }

  /** False where its line is full. */
  add(job: Job, now: number): boolean {
    const { jobs } = this.#of(job);
    if (jobs.length >= this.#options.mostWaiting) return false;
    job.slowSince = now;
    jobs.push(job);
    this.#waiting++;
    return true;
  }

  /** Before all others of its line: it has waited already. */
  addFirst(job: Job, now: number): void {
    job.slowSince = now;
    this.#of(job).jobs.unshift(job);
    this.#waiting++;
  }

  /** The next call. */
  next(now: number): Job | undefined {
    return this.#take((line) => line.until <= now && !line.held) ?? this.#take(() => true);
  }

  /** A call takes long. */
  hold(job: Job): void {
    this.#of(job).held = true;
  }

  /** That call ended. Answers the calls of its line that may go back to the fast lane. */
  release({ compiled, origin }: Job, now: number): Job[] {
    const line = this.#scripts.get(compiled)?.get(origin);
    if (line === undefined) return [];
    line.held = false;
    if (line.until > now) return [];
    this.#waiting -= line.jobs.length;
    return line.jobs.splice(0);
  }

  /** It ran over: its line stays here for a while, longer each time. */
  strike(job: Job, now: number): void {
    const line = this.#of(job);
    line.held = false;
    if (now > line.until + forgetAfter) line.strikes = 0;
    line.until = now + Math.min(firstStay * 2 ** line.strikes, longestStay);
    line.strikes++;
  }

  /** Takes out the calls that have waited too long, and forgets lines that have been good for long. */
  expire(now: number): Job[] {
    const expired: Job[] = [];
    for (const [compiled, lines] of this.#scripts) {
      for (const [origin, line] of lines) {
        const { jobs } = line;
        const late = jobs.filter(({ slowSince }) => now - slowSince > this.#options.longestWait);
        expired.push(...jobs.splice(0, late.length));
        const forgiven = line.strikes === 0 || now > line.until + forgetAfter;
        if (jobs.length === 0 && !line.held && forgiven) lines.delete(origin);
      }
      if (lines.size === 0) this.#scripts.delete(compiled);
    }
    this.#waiting -= expired.length;
    return expired;
  }

  /** Takes out everything. */
  clear(): Job[] {
    const lines = [...this.#scripts.values()].flatMap((all) => [...all.values()]);
    this.#scripts.clear();
    this.#waiting = 0;
    return lines.flatMap(({ jobs }) => jobs);
  }

  #take(fits: (line: Line) => boolean): Job | undefined {
    for (const [compiled, lines] of this.#scripts) {
      for (const [origin, line] of lines) {
        const job = fits(line) ? line.jobs.shift() : undefined;
        if (job === undefined) continue;
        this.#waiting--;
        // To the end, both: others have their turn now.
        lines.delete(origin);
        lines.set(origin, line);
        this.#scripts.delete(compiled);
        this.#scripts.set(compiled, lines);
        return job;
      }
    }
    return undefined;
  }

  #of({ compiled, origin }: Job): Line {
    let lines = this.#scripts.get(compiled);
    if (lines === undefined) {
      lines = new Map();
      this.#scripts.set(compiled, lines);
    }
    let line = lines.get(origin);
    if (line === undefined) {
      line = { jobs: [], held: false, until: 0, strikes: 0 };
      lines.set(origin, line);
    }
    return line;
  }
}

export interface SlowLaneOptions {
  /** Calls of one line. */
  readonly mostWaiting: number;
  /** Milliseconds. */
  readonly longestWait: number;
}

function isTroubled({ held, until }: Line, now: number): boolean {
  return held || until > now;
}

/** From so many askers on, it is the script. */
const manyLines = 2;
/** Milliseconds. */
const firstStay = 1000;
const longestStay = 60_000;
const forgetAfter = 60_000;
