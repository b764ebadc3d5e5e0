import type { TurnSlice } from '../platform/turn-slice.js';
import type { CommittedChange, Pos } from '../store/store.js';
import type { Activity } from './activity.js';
import { Fifo } from './fifo.js';
import type { QueryGroup } from './query-group.js';

/** Something that happened at a position, for the groups that it concerns. */
export interface Offer {
  readonly pos: Pos;
  /** To be judged; `undefined`: the store has to be asked. */
  readonly change: CommittedChange | undefined;
  /** Nothing happened there that anybody is to be told of. */
  readonly isNothing?: true | undefined;
}

interface Taker {
  /** The groups that an offer concerns, as of now. */
  readonly concerned: (offer: Offer) => Iterable<QueryGroup>;
  /** Whether a group is still one: it may have gone, or been retired, meanwhile. */
  readonly isThere: (group: QueryGroup) => boolean;
  /** Everything up to here was offered. */
  readonly done: (pos: Pos) => void;
}

/** Offers that wait; with more, the store is asked in their place. */
const mostWaiting = 4096;
/** After so much work there is a look at the clock. */
const workBetweenLooks = 1000;

/**
 * Hands changes to the groups that they may concern, in the order of their positions. Mostly at once; what takes long is cut in
 * slices with others in between (rule LIM17). What comes meanwhile waits, as it might on a bus that is late: a group that reads
 * the store in between has what waits already, and passes over it by its position.
 */
export class QueryOffers {
  readonly #taker: Taker;
  readonly #slice: TurnSlice;
  readonly #activity: Activity;
  readonly #waiting = new Fifo<Offer>();
  #isResting = false;
  #work = 0;

  constructor(taker: Taker, parts: { slice: TurnSlice; activity: Activity }) {
    this.#taker = taker;
    this.#slice = parts.slice;
    this.#activity = parts.activity;
  }

  get isIdle(): boolean {
    return !this.#isResting;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  take(offer: Offer): void {
    if (this.#isResting) {
      this.#enqueue(offer);
      return;
    }
    const rest = this.#hand(offer, this.#groupsOf(offer));
    if (rest) void this.#handLater(offer, rest);
  }

  #enqueue(offer: Offer): void {
    if (this.#waiting.size < mostWaiting) {
      this.#waiting.push(offer);
      return;
    }
    while (this.#waiting.size > 0) this.#waiting.shift();
    this.#waiting.push({ pos: offer.pos, change: undefined });
  }

  #groupsOf(offer: Offer): Iterator<QueryGroup> {
    return this.#taker.concerned(offer)[Symbol.iterator]();
  }

  /** Those that are left where the slice is over; `undefined` where all of it is done. */
  #hand(offer: Offer, groups: Iterator<QueryGroup>): Iterator<QueryGroup> | undefined {
    for (let next = groups.next(); !next.done; next = groups.next()) {
      const group = next.value;
      if (!this.#taker.isThere(group)) continue;
      if (offer.change) group.offer(offer.change);
      else group.refresh();
      this.#work += group.traits.price.work;
      if (this.#work < workBetweenLooks) continue;
      this.#work = 0;
      if (this.#slice.isOver) return groups;
    }
    this.#taker.done(offer.pos);
    return undefined;
  }

  async #handLater(first: Offer, left: Iterator<QueryGroup>): Promise<void> {
    this.#isResting = true;
    this.#activity.begin();
    let offer: Offer | undefined = first;
    let groups: Iterator<QueryGroup> | undefined = left;
    while (offer) {
      if (groups) await this.#slice.rest();
      groups = this.#hand(offer, groups ?? this.#groupsOf(offer));
      if (!groups) offer = this.#waiting.shift();
    }
    this.#isResting = false;
    this.#activity.end();
  }
}
