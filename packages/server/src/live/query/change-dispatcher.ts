import type { TickSlice } from '../../platform/scheduling/tick-slice.js';
import type { CommittedChange, Pos } from '../../store/store.js';
import { Fifo } from '../catch-up/fifo.js';
import type { InFlight } from '../catch-up/in-flight.js';
import type { QueryGroup } from './query-group.js';

/** Something that happened at a position, for the groups that it concerns. */
export interface FeedEvent {
  readonly pos: Pos;
  /** To be judged; `undefined`: the store has to be asked. */
  readonly change: CommittedChange | undefined;
  /** Nothing happened there that anybody is to be told of. */
  readonly isNoop?: true | undefined;
}

interface DispatchTarget {
  /** The groups that an offer concerns, as of now. */
  readonly affectedGroups: (event: FeedEvent) => Iterable<QueryGroup>;
  /** Whether a group is still one: it may have gone, or been retired, meanwhile. */
  readonly isActive: (group: QueryGroup) => boolean;
  /** Everything up to here was offered. */
  readonly onDispatched: (pos: Pos) => void;
}

/** Offers that wait; with more, the store is asked in their place. */
const maxQueued = 4096;
/** After so much work there is a look at the clock. */
const workBetweenClockChecks = 1000;

/**
 * Hands changes to the groups that they may concern, in the order of their positions. Mostly at once; what takes long is cut in
 * slices with others in between (rule LIM17). What comes meanwhile waits, as it might on a bus that is late: a group that reads
 * the store in between has what waits already, and passes over it by its position.
 */
export class ChangeDispatcher {
  readonly #target: DispatchTarget;
  readonly #slice: TickSlice;
  readonly #inFlight: InFlight;
  readonly #waiting = new Fifo<FeedEvent>();
  #isYielding = false;
  #work = 0;

  constructor(target: DispatchTarget, deps: { slice: TickSlice; inFlight: InFlight }) {
    this.#target = target;
    this.#slice = deps.slice;
    this.#inFlight = deps.inFlight;
  }

  get isIdle(): boolean {
    return !this.#isYielding;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  dispatch(event: FeedEvent): void {
    if (this.#isYielding) {
      this.#enqueue(event);
      return;
    }
    const rest = this.#dispatchTo(event, this.#groupsOf(event));
    if (rest) void this.#dispatchRest(event, rest);
  }

  #enqueue(event: FeedEvent): void {
    if (this.#waiting.size < maxQueued) {
      this.#waiting.push(event);
      return;
    }
    while (this.#waiting.size > 0) this.#waiting.shift();
    this.#waiting.push({ pos: event.pos, change: undefined });
  }

  #groupsOf(event: FeedEvent): Iterator<QueryGroup> {
    return this.#target.affectedGroups(event)[Symbol.iterator]();
  }

  /** Those that are left where the slice is over; `undefined` where all of it is done. */
  #dispatchTo(event: FeedEvent, groups: Iterator<QueryGroup>): Iterator<QueryGroup> | undefined {
    for (let next = groups.next(); !next.done; next = groups.next()) {
      const group = next.value;
      if (!this.#target.isActive(group)) continue;
      if (event.change) group.receive(event.change);
      else group.refresh();
      this.#work += group.traits.cost.work;
      if (this.#work < workBetweenClockChecks) continue;
      this.#work = 0;
      if (this.#slice.isOver) return groups;
    }
    this.#target.onDispatched(event.pos);
    return undefined;
  }

  async #dispatchRest(first: FeedEvent, remaining: Iterator<QueryGroup>): Promise<void> {
    this.#isYielding = true;
    this.#inFlight.begin();
    let event: FeedEvent | undefined = first;
    let groups: Iterator<QueryGroup> | undefined = remaining;
    while (event) {
      if (groups) await this.#slice.rest();
      groups = this.#dispatchTo(event, groups ?? this.#groupsOf(event));
      if (!groups) event = this.#waiting.shift();
    }
    this.#isYielding = false;
    this.#inFlight.end();
  }
}
