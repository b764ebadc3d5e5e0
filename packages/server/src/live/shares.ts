import type { WindowPrice } from './window-price.js';

/** What the connections of one uid hold together. */
export interface Share {
  readonly uid: string;
  /** Connections that have, or had, a subscription. */
  sessions: number;
  subscriptions: number;
  /** Of its live queries: see `WindowPrice`. */
  work: number;
  bytes: number;
}

/** By uid, what is held by its connections. */
export class Shares {
  readonly #byUid = new Map<string, Share>();

  get size(): number {
    return this.#byUid.size;
  }

  /** For one more connection of this uid, until it is left. */
  enter(uid: string): Share {
    const share = this.find(uid) ?? { uid, sessions: 0, subscriptions: 0, work: 0, bytes: 0 };
    share.sessions += 1;
    this.#byUid.set(uid, share);
    return share;
  }

  leave(share: Share): void {
    share.sessions -= 1;
    if (share.sessions === 0) this.#byUid.delete(share.uid);
  }

  find(uid: string): Share | undefined {
    return this.#byUid.get(uid);
  }

  /** Of those that hold anything of this kind, who holds most. */
  greediest(kind: keyof WindowPrice): Share | undefined {
    let most: Share | undefined;
    for (const share of this.#byUid.values()) {
      if (share[kind] > (most?.[kind] ?? 0)) most = share;
    }
    return most;
  }
}
