import type { WindowCost } from '../query/window-cost.js';

/** What the connections of one uid hold together. */
export interface UserUsage {
  readonly uid: string;
  /** Connections that have, or had, a subscription. */
  sessions: number;
  subscriptions: number;
  /** Of its live queries: see `WindowPrice`. */
  work: number;
  bytes: number;
}

/** By uid, what is held by its connections. */
export class UserUsages {
  readonly #byUid = new Map<string, UserUsage>();

  get size(): number {
    return this.#byUid.size;
  }

  /** For one more connection of this uid, until it is left. */
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

  /** Of those that hold anything of this kind, who holds most. */
  largest(kind: keyof WindowCost): UserUsage | undefined {
    let most: UserUsage | undefined;
    for (const usage of this.#byUid.values()) {
      if (usage[kind] > (most?.[kind] ?? 0)) most = usage;
    }
    return most;
  }
}
