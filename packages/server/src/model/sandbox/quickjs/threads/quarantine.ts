import type { CompiledSource } from '../source/compiled-source.js';
import type { ScriptCall } from './script-call.js';

/** The calls of one script for one asker. */
interface CallQueue {
  readonly jobs: ScriptCall[];
  /** Its calls come here until then, by the monotonic clock. */
  until: number;
  /** Overruns that count against it. */
  strikes: number;
  /** The turn that it had last. */
  turn: number;
}

interface Script {
  readonly lines: Map<string, CallQueue>;
  /** Askers for whom it ended in time since it first ran over, and when they are forgotten; those of long ago first. */
  readonly wells: Map<string, number>;
  /** Whether it hangs for most, and until when that need not be found out again. */
  hangs: boolean;
  judged: number;
}

/**
 * Who ran over lately waits here, and is run one call at a time. Each asker has a line of its own at
 * each script: an input on which a script hangs is the asker's doing as a rule, and others who use the
 * script stay in the fast lane. Where it ran over for most of those who use it, it is the script, and
 * who is new to it comes here, too; but nobody for whom it ended in time. Askers take turns, and the
 * lines of each, those that never ran over first: so whoever is well waits for one call that hangs, and not for all.
 */
export class Quarantine {
  readonly #scripts = new Map<CompiledSource, Script>();
  /** The turn that each asker had last. */
  readonly #turns = new Map<string, number>();
  readonly #options: QuarantineOptions;
  #waiting = 0;
  #turn = 0;

  constructor(options: QuarantineOptions) {
    this.#options = options;
  }

  /** Calls that wait. */
  get size(): number {
    return this.#waiting;
  }

  /** Whether a call belongs here. */
  has({ compiled, asker }: ScriptCall, now: number): boolean {
    const script = this.#scripts.get(compiled);
    if (script === undefined) return false;
    const own = script.lines.get(asker);
    if (own !== undefined && own.until > now) return true;
    return !isWell(script, asker, now) && hangsForMost(script, now);
  }

  /** Whether a call is likely to end in time, although its script ran over for others. */
  isWell({ compiled, asker }: ScriptCall, now: number): boolean {
    const script = this.#scripts.get(compiled);
    return script !== undefined && isWell(script, asker, now);
  }

  /** A call ended in time. Of interest only where others of the script did not. */
  well({ compiled, asker }: ScriptCall, now: number): void {
    const script = this.#scripts.get(compiled);
    if (script === undefined) return;
    script.wells.delete(asker);
    script.wells.set(asker, now + forgetAfter);
    if (script.wells.size > mostWells) forgetFirst(script.wells);
  }

  /** False where its line is full. */
  add(job: ScriptCall, now: number): boolean {
    const { jobs } = this.#of(job);
    if (jobs.length >= this.#options.mostWaiting) return false;
    job.slowSince = now;
    jobs.push(job);
    this.#waiting++;
    return true;
  }

  /** Before all others of its line: it has waited already. */
  addFirst(job: ScriptCall, now: number): void {
    job.slowSince = now;
    this.#of(job).jobs.unshift(job);
    this.#waiting++;
  }

  /** The next call. */
  next(now: number): ScriptCall | undefined {
    return this.#take((line) => line.until <= now) ?? this.#take(() => true);
  }

  /** It ran over: its line stays here for a while, longer each time. */
  strike(job: ScriptCall, now: number): void {
    const line = this.#of(job);
    const script = this.#scripts.get(job.compiled);
    script?.wells.delete(job.asker);
    if (script !== undefined) script.judged = Number.NEGATIVE_INFINITY;
    if (now > line.until + forgetAfter) line.strikes = 0;
    line.until = now + Math.min(firstStay * 2 ** line.strikes, longestStay);
    line.strikes++;
  }

  /** Takes out the calls that have waited too long, and forgets lines that have been good for long. */
  expire(now: number): ScriptCall[] {
    const expired: ScriptCall[] = [];
    for (const [compiled, { lines }] of this.#scripts) {
      for (const [asker, line] of lines) {
        const { jobs } = line;
        const late = jobs.filter(({ slowSince }) => now - slowSince > this.#options.longestWait);
        if (late.length > 0) expired.push(...jobs.splice(0, late.length));
        const forgiven = line.strikes === 0 || now > line.until + forgetAfter;
        if (jobs.length === 0 && forgiven) lines.delete(asker);
      }
      if (lines.size === 0) this.#scripts.delete(compiled);
    }
    if (this.#scripts.size === 0) this.#turns.clear();
    this.#waiting -= expired.length;
    return expired;
  }

  /** Takes out everything. */
  clear(): ScriptCall[] {
    const lines = [...this.#scripts.values()].flatMap((script) => [...script.lines.values()]);
    this.#scripts.clear();
    this.#turns.clear();
    this.#waiting = 0;
    return lines.flatMap(({ jobs }) => jobs);
  }

  /** Of the line whose turn it is: of the asker who had none for the longest time. */
  #take(fits: (line: CallQueue) => boolean): ScriptCall | undefined {
    if (this.#waiting === 0) return undefined;
    let next: { line: CallQueue; asker: string; turn: number } | undefined;
    for (const { lines } of this.#scripts.values()) {
      for (const [asker, line] of lines) {
        if (line.jobs.length === 0 || !fits(line)) continue;
        const turn = this.#turns.get(asker) ?? 0;
        const isBefore =
          next === undefined ||
          turn < next.turn ||
          (turn === next.turn && line.turn < next.line.turn);
        if (isBefore) next = { line, asker, turn };
      }
    }
    if (next === undefined) return undefined;
    this.#turn++;
    next.line.turn = this.#turn;
    if (this.#turns.size > mostTurns) this.#turns.clear();
    this.#turns.set(next.asker, this.#turn);
    this.#waiting--;
    return next.line.jobs.shift();
  }

  #of({ compiled, asker }: ScriptCall): CallQueue {
    let script = this.#scripts.get(compiled);
    if (script === undefined) {
      const judged = Number.NEGATIVE_INFINITY;
      script = { lines: new Map(), wells: new Map(), hangs: false, judged };
      this.#scripts.set(compiled, script);
    }
    let line = script.lines.get(asker);
    if (line === undefined) {
      line = { jobs: [], until: 0, strikes: 0, turn: 0 };
      script.lines.set(asker, line);
    }
    return line;
  }
}

export interface QuarantineOptions {
  /** Calls of one line. */
  readonly mostWaiting: number;
  /** Milliseconds. */
  readonly longestWait: number;
}

function isWell({ wells }: Script, asker: string, now: number): boolean {
  return (wells.get(asker) ?? 0) > now;
}

/** Most of those who use it, and several. */
function hangsForMost(script: Script, now: number): boolean {
  if (now < script.judged) return script.hangs;
  let troubled = 0;
  for (const { until } of script.lines.values()) if (until > now) troubled++;
  for (const [asker, forgotten] of script.wells) {
    if (forgotten > now) break;
    script.wells.delete(asker);
  }
  script.hangs = troubled >= fewestTroubled && troubled > script.wells.size;
  script.judged = now + judgedFor;
  return script.hangs;
}

function forgetFirst(wells: Map<string, number>): void {
  for (const asker of wells.keys()) {
    wells.delete(asker);
    return;
  }
}

/** Of fewer askers who ran over nothing is said about the script. */
const fewestTroubled = 3;
const mostWells = 10_000;
const mostTurns = 10_000;
/** Milliseconds. */
const judgedFor = 20;
const firstStay = 1000;
const longestStay = 60_000;
const forgetAfter = 60_000;
