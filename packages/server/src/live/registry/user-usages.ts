/** Usage of all connections of one uid. */
export interface UserUsage {
  readonly uid: string;
  /** Connections that have or had a subscription. */
  sessions: number;
  subscriptions: number;
  /** Of its live queries: see `WindowCost`. */
  work: number;
  bytes: number;
}

/** Usage by uid. */
export class UserUsages {
  readonly #byUid = new Map<string, UserUsage>();

  get size(): number {
    return this.#byUid.size;
  }

  /** Counts another connection of this uid; `release` it when it closes. */
  acquire(uid: string): UserUsage {
    const usage = this.find(uid) ?? { uid, sessions: 0, subscriptions: 0, work: 0, bytes: 0 };
    usage.sessions += 1;
    this.#byUid.set(uid, usage);
    return usage;
  }

  release(usage: UserUsage): void {
    usage.sessions -= 1;
    if (usage.sessions === 0) this.#byUid.delete(usage.uid);
  }

  find(uid: string): UserUsage | undefined {
    return this.#byUid.get(uid);
  }
}
