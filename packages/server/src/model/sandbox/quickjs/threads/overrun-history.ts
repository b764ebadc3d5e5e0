interface Overrunner {
  overruns: number;
  /** Its calls are refused until then, by the monotonic clock. */
  until: number;
  /** When it is forgotten. */
  forgotten: number;
}

/**
 * Requesters whose own input makes scripts exceed their time, whatever the scripts. The first overruns are tolerated;
 * further ones have the requester refused for a while, longer each time, until nothing exceeded for long.
 */
export class OverrunHistory {
  readonly #askers = new Map<string, Overrunner>();

  /** A call of this requester exceeded its time. */
  strike(asker: string, now: number): void {
    const known = this.#askers.get(asker);
    const record =
      known === undefined || known.forgotten <= now
        ? { overruns: 0, until: 0, forgotten: 0 }
        : known;
    record.overruns++;
    const beyond = record.overruns - freeOverruns;
    if (beyond > 0) record.until = now + Math.min(firstRefusal * 2 ** (beyond - 1), longestRefusal);
    record.forgotten = Math.max(record.until, now) + forgetAfter;
    // Moved to the end: when there are too many, the one without overruns for the longest time is dropped.
    this.#askers.delete(asker);
    this.#askers.set(asker, record);
    this.#forget(now);
  }

  /** For how many milliseconds from now this requester is refused; 0: it is not. */
  refusedFor(asker: string, now: number): number {
    if (this.#askers.size === 0) return 0;
    return Math.max(0, (this.#askers.get(asker)?.until ?? 0) - now);
  }

  #forget(now: number): void {
    for (const [asker, { forgotten }] of this.#askers) {
      if (forgotten > now && this.#askers.size <= mostAskers) return;
      this.#askers.delete(asker);
    }
  }
}

/** Overruns answered with 500 before anything is refused. */
const freeOverruns = 4;
const mostAskers = 10_000;
/** Milliseconds. */
const firstRefusal = 2000;
const longestRefusal = 60_000;
const forgetAfter = 60_000;
