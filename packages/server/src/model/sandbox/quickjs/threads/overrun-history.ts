interface Overrunner {
  readonly overruns: number;
  /** Its calls are refused until then, by the monotonic clock. */
  readonly until: number;
  /** When it is forgotten. */
  readonly forgotten: number;
}

/**
 * Owners whose own input makes scripts exceed their time, whatever the scripts. The first overruns are tolerated;
 * further ones have the owner refused for a while, longer each time, until nothing exceeded for long.
 */
export class OverrunHistory {
  readonly #owners = new Map<string, Overrunner>();

  /** A call of this owner exceeded its time. */
  strike(owner: string, now: number): void {
    const known = this.#owners.get(owner);
    const before = known !== undefined && known.forgotten > now ? known.overruns : 0;
    const overruns = before + 1;
    const refusal = Math.min(firstRefusal * 2 ** (overruns - freeOverruns - 1), longestRefusal);
    const until = overruns > freeOverruns ? now + refusal : 0;
    // Moved to the end: when there are too many, the one without overruns for the longest time is dropped.
    this.#owners.delete(owner);
    this.#owners.set(owner, { overruns, until, forgotten: Math.max(until, now) + forgetAfter });
    this.#forget(now);
  }

  /** For how many milliseconds from now this owner is refused; 0: it is not. */
  refusedFor(owner: string, now: number): number {
    if (this.#owners.size === 0) return 0;
    return Math.max(0, (this.#owners.get(owner)?.until ?? 0) - now);
  }

  #forget(now: number): void {
    for (const [owner, { forgotten }] of this.#owners) {
      if (forgotten > now && this.#owners.size <= mostOwners) return;
      this.#owners.delete(owner);
    }
  }
}

/** Overruns answered with 500 before anything is refused. */
const freeOverruns = 4;
const mostOwners = 10_000;
/** Milliseconds. */
const firstRefusal = 2000;
const longestRefusal = 60_000;
const forgetAfter = 60_000;
