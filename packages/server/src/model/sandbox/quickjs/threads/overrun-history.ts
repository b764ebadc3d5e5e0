interface Overrunner {
  overruns: number;
  /** Nothing of it runs until then, by the monotonic clock. */
  until: number;
  /** It is forgotten then. */
  forgotten: number;
}

/**
 * Askers on whose own input scripts run over, whatever the scripts. The first overruns are anybody's bad luck; who goes on is
 * refused for a while, longer each time, and forgotten once nothing ran over for long.
 */
export class OverrunHistory {
  readonly #askers = new Map<string, Overrunner>();

  /** Something of this asker ran over. */
  strike(asker: string, now: number): void {
    const known = this.#askers.get(asker);
    const one =
      known === undefined || known.forgotten <= now
        ? { overruns: 0, until: 0, forgotten: 0 }
        : known;
    one.overruns++;
    const beyond = one.overruns - freeOverruns;
    if (beyond > 0) one.until = now + Math.min(firstRefusal * 2 ** (beyond - 1), longestRefusal);
    one.forgotten = Math.max(one.until, now) + forgetAfter;
    // Behind the others: where there are too many, the one that was well for the longest time goes.
    this.#askers.delete(asker);
    this.#askers.set(asker, one);
    this.#forget(now);
  }

  /** For how many milliseconds from now on this asker is refused; 0: it is not. */
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

/** Answered as what they are, before anything is refused. */
const freeOverruns = 4;
const mostAskers = 10_000;
/** Milliseconds. */
const firstRefusal = 2000;
const longestRefusal = 60_000;
const forgetAfter = 60_000;
