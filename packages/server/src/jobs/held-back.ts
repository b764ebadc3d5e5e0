import { hash } from 'node:crypto';
import type { Random } from '../platform/platform.js';
import type { Pos } from '../store/stored-object.js';

/** What is held back of one owner. */
interface Lane {
  /** No entry of the lane is before it. */
  from: Pos;
  /** The position of its last entry. */
  last: Pos;
  /** Hashes of the ordering keys of its entries before `mark`, and of those from there on. */
  keys: Set<number>;
  newKeys: Set<number>;
  mark: Pos;
}

/** Lanes that are looked at in one call of `next`. */
const mostAsked = 16;

/**
 * Entries of a durable queue that stay in the store because their owner has too many in memory: a
 * lane for each such owner. Entries of others wait in the same lane where they have an ordering key
 * of it, since they have to come after those. Only hashes of the keys are kept: if two are alike, an
 * entry waits longer, and the order stays.
 */
export class HeldBack {
  readonly #random: Random;
  readonly #lanes = new Map<string, Lane>();
  /** In whose lane the entries with the key of this hash are. A key is in one lane only. */
  readonly #holders = new Map<number, string>();
  /** Nobody can choose keys that are alike. */
  #salt: string | undefined;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Lanes. */
  get size(): number {
    return this.#lanes.size;
  }

  /** The owner in whose lane an entry has to wait, or waits; `undefined` where there is none. */
  holderOf(owner: string, key: string): string | undefined {
    if (this.#lanes.size === 0) return undefined;
    return this.#holders.get(this.#hashOf(key)) ?? (this.#lanes.has(owner) ? owner : undefined);
  }

  /** Positions never decrease from call to call. `holder`: as `holderOf` says, or a new one. */
  hold(holder: string, key: string, pos: Pos): void {
    let lane = this.#lanes.get(holder);
    if (!lane) {
      lane = { from: pos, last: pos, keys: new Set(), newKeys: new Set(), mark: pos };
      this.#lanes.set(holder, lane);
    }
    const hashed = this.#hashOf(key);
    lane.newKeys.add(hashed);
    lane.last = pos;
    this.#holders.set(hashed, holder);
  }

  /** A holder who has room, each in turn; not all may be asked at once. */
  next(hasRoom: (holder: string) => boolean): string | undefined {
    let asked = 0;
    for (const [holder, lane] of this.#lanes) {
      if (asked++ === mostAsked) return undefined;
      this.#lanes.delete(holder);
      this.#lanes.set(holder, lane);
      if (hasRoom(holder)) return holder;
    }
    return undefined;
  }

  /** Where its entries begin. */
  firstOf(holder: string): Pos {
    return this.#lanes.get(holder)?.from ?? 0;
  }

  /** The holders whose entries all are from here on. */
  from(pos: Pos): Set<string> {
    return new Set([...this.#lanes].filter(([, { from }]) => from >= pos).map(([name]) => name));
  }

  /** Its entries before this position are in memory. */
  moveTo(holder: string, pos: Pos): void {
    const lane = this.#lanes.get(holder);
    if (!lane || pos <= lane.from) return;
    lane.from = pos;
    if (pos > lane.last) {
      this.#release(lane.keys);
      this.#release(lane.newKeys);
      this.#lanes.delete(holder);
    } else if (pos >= lane.mark) {
      this.#release(lane.keys, lane.newKeys);
      lane.keys = lane.newKeys;
      lane.newKeys = new Set();
      lane.mark = lane.last + 1;
    }
  }

  #release(keys: Set<number>, except?: Set<number>): void {
    for (const key of keys) if (!except?.has(key)) this.#holders.delete(key);
  }

  #hashOf(key: string): number {
    this.#salt ??= Buffer.from(this.#random.bytes(16)).toString('hex');
    // 30 bits: small integers take least memory.
    return hash('sha256', this.#salt + key, 'buffer').readUInt32BE() >>> 2;
  }
}
