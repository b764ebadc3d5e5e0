import type { CompiledSource } from '../source/compiled-source.js';
import type { ScriptCall } from './script-call.js';

/** The calls of one script for one owner. */
interface CallQueue {
  jobs: ScriptCall[];
  /** Its calls come here until then, by the monotonic clock. */
  until: number;
  /** Recent overruns. */
  strikes: number;
  /** Its last turn. */
  turn: number;
}

interface Script {
  readonly lines: Map<string, CallQueue>;
  /** Owners for whom it ended in time since it first exceeded it, and when they are forgotten; oldest first. */
  readonly wells: Map<string, number>;
  /** Whether it hangs for most, and until when that need not be checked again. */
  hangs: boolean;
  decidedUntil: number;
}

/**
 * Calls that exceeded their time lately wait here, and run one at a time. Each owner has a queue of its own for
 * each script: an input on which a script hangs is usually the owner's fault, and other users of the script stay
 * in the fast queue. If it exceeded its time for most of them, the script is at fault, and owners new to it come
 * here, too; but no owner for whom it ended in time. Owners take turns, and so do the queues of each, those
 * without overruns first: so an innocent call waits for one call that hangs, and not for all.
 */
export class Quarantine {
  readonly #scripts = new Map<CompiledSource, Script>();
  /** The last turn of each owner. */
  readonly #turns = new Map<string, number>();
  readonly #options: QuarantineOptions;
  #waiting = 0;
  #turn = 0;

  constructor(options: QuarantineOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#waiting;
  }

  /** Whether a call belongs in quarantine. */
  has({ compiled, owner }: ScriptCall, now: number): boolean {
    const script = this.#scripts.get(compiled);
    if (script === undefined) return false;
    if ((script.lines.get(owner)?.until ?? 0) > now) return true;
    return !isWell(script, owner, now) && hangsForMost(script, now);
  }

  /** Whether a call is likely to end in time, although its script ran over for others. */
  isWell({ compiled, owner }: ScriptCall, now: number): boolean {
    const script = this.#scripts.get(compiled);
    return script !== undefined && isWell(script, owner, now);
  }

  /** A call ended in time. Relevant only if others of the script did not. */
  well({ compiled, owner }: ScriptCall, now: number): void {
    const script = this.#scripts.get(compiled);
    if (script === undefined) return;
    script.wells.delete(owner);
    script.wells.set(owner, now + forgetAfter);
    for (const oldest of script.wells.keys()) {
      if (script.wells.size <= mostWells) break;
      script.wells.delete(oldest);
    }
  }

  /** False if its queue is full. */
  add(job: ScriptCall, now: number): boolean {
    const { jobs } = this.#of(job);
    if (jobs.length >= this.#options.mostWaiting) return false;
    job.slowSince = now;
    jobs.push(job);
    this.#waiting++;
    return true;
  }

  /** Ahead of all others in its queue: it has waited already. */
  addFirst(job: ScriptCall, now: number): void {
    job.slowSince = now;
    this.#of(job).jobs.unshift(job);
    this.#waiting++;
  }

  next(now: number): ScriptCall | undefined {
    return this.#take((line) => line.until <= now) ?? this.#take(() => true);
  }

  /** It exceeded its time: its queue stays here for a while, longer each time. */
  strike(job: ScriptCall, now: number): void {
    const line = this.#of(job);
    const script = this.#scripts.get(job.compiled);
    script?.wells.delete(job.owner);
    if (script !== undefined) script.decidedUntil = Number.NEGATIVE_INFINITY;
    if (now > line.until + forgetAfter) line.strikes = 0;
    line.until = now + Math.min(firstStay * 2 ** line.strikes, longestStay);
    line.strikes++;
  }

  /** Removes calls that have waited too long, and forgets queues without recent overruns. */
  expire(now: number): ScriptCall[] {
    const expired: ScriptCall[] = [];
    // Not only in front: `addFirst` puts those that wait since just now before the others.
    const isLate = ({ slowSince }: ScriptCall) => now - slowSince > this.#options.longestWait;
    for (const [compiled, { lines }] of this.#scripts) {
      for (const [owner, line] of lines) {
        const late = line.jobs.filter(isLate);
        if (late.length > 0) {
          expired.push(...late);
          line.jobs = line.jobs.filter((job) => !isLate(job));
        }
        const forgiven = line.strikes === 0 || now > line.until + forgetAfter;
        if (line.jobs.length === 0 && forgiven) lines.delete(owner);
      }
      if (lines.size === 0) this.#scripts.delete(compiled);
    }
    if (this.#scripts.size === 0) this.#turns.clear();
    this.#waiting -= expired.length;
    return expired;
  }

  clear(): ScriptCall[] {
    const lines = [...this.#scripts.values()].flatMap((script) => [...script.lines.values()]);
    this.#scripts.clear();
    this.#turns.clear();
    this.#waiting = 0;
    return lines.flatMap(({ jobs }) => jobs);
  }

  /** From the queue whose turn it is: of the owner who had none for the longest time. */
  #take(fits: (line: CallQueue) => boolean): ScriptCall | undefined {
    if (this.#waiting === 0) return undefined;
    let next: { line: CallQueue; owner: string; turn: number } | undefined;
    for (const { lines } of this.#scripts.values()) {
      for (const [owner, line] of lines) {
        if (line.jobs.length === 0 || !fits(line)) continue;
        const turn = this.#turns.get(owner) ?? 0;
        const isBefore =
          next === undefined ||
          turn < next.turn ||
          (turn === next.turn && line.turn < next.line.turn);
        if (isBefore) next = { line, owner, turn };
      }
    }
    if (next === undefined) return undefined;
    this.#turn++;
    next.line.turn = this.#turn;
    if (this.#turns.size > mostTurns) this.#turns.clear();
    this.#turns.set(next.owner, this.#turn);
    this.#waiting--;
    return next.line.jobs.shift();
  }

  #of({ compiled, owner }: ScriptCall): CallQueue {
    let script = this.#scripts.get(compiled);
    if (script === undefined) {
      const decidedUntil = Number.NEGATIVE_INFINITY;
      script = { lines: new Map(), wells: new Map(), hangs: false, decidedUntil };
      this.#scripts.set(compiled, script);
    }
    let line = script.lines.get(owner);
    if (line === undefined) {
      line = { jobs: [], until: 0, strikes: 0, turn: 0 };
      script.lines.set(owner, line);
    }
    return line;
  }
}

export interface QuarantineOptions {
  /** Maximum calls in one queue. */
  readonly mostWaiting: number;
  /** Milliseconds. */
  readonly longestWait: number;
}

function isWell({ wells }: Script, owner: string, now: number): boolean {
  return (wells.get(owner) ?? 0) > now;
}

/** Most of its users, and several. */
function hangsForMost(script: Script, now: number): boolean {
  if (now < script.decidedUntil) return script.hangs;
  let troubled = 0;
  for (const { until } of script.lines.values()) if (until > now) troubled++;
  for (const [owner, forgotten] of script.wells) {
    if (forgotten > now) break;
    script.wells.delete(owner);
  }
  script.hangs = troubled >= fewestTroubled && troubled > script.wells.size;
  script.decidedUntil = now + decisionTime;
  return script.hangs;
}

/** With fewer overrunning owners than this, the script is not blamed. */
const fewestTroubled = 3;
const mostWells = 10_000;
const mostTurns = 10_000;
/** Milliseconds. */
const decisionTime = 20;
const firstStay = 1000;
const longestStay = 60_000;
const forgetAfter = 60_000;
