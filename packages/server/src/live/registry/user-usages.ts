/** What all connections of one owner (see `ownerOf`) use: a uid, or all anonymous tokens of an address. */
export interface UserUsage {
  readonly owner: string;
  /** Connections that have or had a subscription. */
  sessions: number;
  subscriptions: number;
  /** Of its live queries: see `WindowCost`. */
  work: number;
  bytes: number;
}

/** Usage by owner. */
export class UserUsages {
  readonly #byOwner = new Map<string, UserUsage>();

  get size(): number {
    return this.#byOwner.size;
  }

  all(): Iterable<UserUsage> {
    return this.#byOwner.values();
  }

  /** Counts another connection of this owner; `release` it when it closes. */
  acquire(owner: string): UserUsage {
    const usage = this.#byOwner.get(owner) ?? {
      owner,
      sessions: 0,
      subscriptions: 0,
      work: 0,
      bytes: 0,
    };
    usage.sessions += 1;
    this.#byOwner.set(owner, usage);
    return usage;
  }

  release(usage: UserUsage): void {
    usage.sessions -= 1;
    this.forgetIfUnused(usage);
  }

  /** Call also when something was given back after its connection had closed. */
  forgetIfUnused(usage: UserUsage): void {
    const isUnused = usage.sessions === 0 && usage.subscriptions === 0;
    if (isUnused && this.#byOwner.get(usage.owner) === usage) this.#byOwner.delete(usage.owner);
  }
}
