import type { Pos } from '../../store/stored-object.js';
import type { SubscriptionOwner, SubscriptionProgress } from '../registry/subscription-owner.js';
import type { QueryGroupTraits } from './query-group-traits.js';
import type { KnownRows } from './query-window.js';
import type { Rewind } from './rewind/rewind.js';
import type { WindowCost } from './window-cost.js';
import type { WindowEvent, WindowEventFrames } from './window-event.js';

/** What a client knows of a window. */
export interface KnownWindow {
  readonly rows: KnownRows;
  readonly pos: Pos;
  /**
   * True if the rows are exactly the window at `pos`. False if they may be newer, if part of what
   * followed was sent, or if they were sent under other rights.
   */
  readonly isExact: boolean;
}

/** What a subscription uses of the group that it is attached to. */
export interface SubscribedGroup {
  readonly traits: QueryGroupTraits;
  /** What this subscriber knows if it is live. */
  knownBy(subscription: QuerySubscription): KnownWindow;
  /** Whether nothing that is being delivered is still to come for it. */
  hasReceived(subscription: QuerySubscription): boolean;
  attach(subscription: QuerySubscription): void;
  detach(subscription: QuerySubscription): void;
  /** Begins the pushes of a waiting subscription. */
  start(subscription: QuerySubscription): void;
  /** Brings those who are behind up to date. `askedBy`: who is charged for reading the window. */
  refresh(askedBy?: SubscriptionOwner): void;
}

/** Holds what paused subscriptions know of their windows. */
export interface RowsHolder {
  /** Ends the subscription and returns false if there is no room. */
  hold(subscription: QuerySubscription, rows: KnownRows): boolean;
  letGo(rows: KnownRows): void;
}

/** Events delivered together. */
export interface WindowDelivery {
  readonly frames: readonly WindowEventFrames[];
  /** Set if the events are the difference between two windows, not the effect of one change. */
  readonly difference: WindowDifference | undefined;
  readonly from: Pos;
  /** The position of the change, or of the later window. */
  readonly at: Pos;
}

/** Lets a subscriber stop in the middle of a difference. */
export interface WindowDifference {
  readonly before: KnownRows;
  readonly events: readonly WindowEvent[];
}

/** Deliveries buffered until the response; beyond this, the difference is sent instead. */
const maxBuffered = 64;

/**
 * The state of a subscription to a query:
 *
 * - `waiting`: its read is not answered yet. It will be sent what a `rewind` found first, and then
 *   what was buffered meanwhile, or the difference from `known`;
 * - `live`: receives the events of its window as they happen, and knows what its group knows;
 * - `ahead`: as `live`, but after a rewind it knows more than its group delivered so far;
 * - `behind`: the difference from `known` to the current window will be sent;
 * - `paused`: behind, and its output buffer is full;
 * - `ended`.
 *
 *     waiting ──▶ live | ahead | behind | paused
 *     ahead ──▶ live | behind      with the next delivery
 *     live, ahead ──▶ paused       its output buffer is full
 *     live, ahead ──▶ behind       other rights, or another model
 *     behind ⇄ paused,  behind ──▶ live,  any ──▶ ended
 */
export type QueryState =
  | {
      readonly name: 'waiting';
      readonly known: KnownWindow;
      readonly rewind: Rewind | undefined;
      readonly follow: WindowDelivery[] | 'difference';
    }
  | { readonly name: 'ahead' | 'behind' | 'paused'; readonly known: KnownWindow }
  | { readonly name: 'live' | 'ended' };

/** One connection's subscription to a query. */
export class QuerySubscription {
  readonly kind = 'query';
  readonly session: SubscriptionOwner;
  readonly key: string;
  group: SubscribedGroup;
  /** What its user is charged for it: of the group that it joined, also where it is moved to another. */
  readonly cost: WindowCost;
  /** Its slot in its group. */
  slot = 0;
  /** The number of the last delivery of its group that it does not wait for. */
  delivery = 0;
  #state: QueryState;
  readonly #holder: RowsHolder;
  /** What it knew when it was paused, until it has the rest. */
  #held: KnownRows | undefined;
  /** The latest position sent to its client: later pushes never carry an earlier one. */
  sentPos: Pos;
  /** Changes up to here may be in what its client has: also those written while that was read. */
  newestSent: Pos;
  /** The view under which its client received all of its window. */
  view: string;
  /** Incremented to cancel the work in flight for it. */
  generation = 0;
  /** Its rights may have changed: it is paused until they were compared, whatever drains. */
  isSuspended = false;
  /** It was live when it was suspended, and was not moved since. */
  #wasLive = false;

  /** `known`: the window that it joined, with changes up to `newest`. */
  constructor(
    session: SubscriptionOwner,
    group: SubscribedGroup,
    joined: { key: string; known: KnownWindow; newest: Pos; holder: RowsHolder },
  ) {
    const { known } = joined;
    this.session = session;
    this.group = group;
    this.key = joined.key;
    this.cost = group.traits.cost;
    this.view = group.traits.view;
    this.sentPos = known.pos;
    this.newestSent = joined.newest;
    this.#holder = joined.holder;
    this.#state = { name: 'waiting', known, rewind: undefined, follow: [] };
  }

  get state(): QueryState {
    return this.#state;
  }

  /**
   * It ends in place of being paused if there is no room for what it knows. One that is suspended
   * needs none: that is not for long, and all that know the same are at once.
   */
  set state(state: QueryState) {
    const isLagging = state.name === 'paused' || state.name === 'behind';
    const isPaused = state.name === 'paused' && !this.isSuspended;
    const rows = isLagging && (isPaused || this.#held) ? state.known.rows : undefined;
    if (rows !== this.#held) {
      if (rows && !this.#holder.hold(this, rows)) return;
      if (this.#held) this.#holder.letGo(this.#held);
      this.#held = rows;
    }
    this.#state = state;
  }

  get progress(): SubscriptionProgress {
    return this.state.name === 'ahead' ? 'live' : this.state.name;
  }

  /** What its client knows, and where to resume from. */
  get known(): KnownWindow {
    return 'known' in this.state ? this.state.known : this.group.knownBy(this);
  }

  get topic(): { readonly r: string } {
    return this.group.traits;
  }

  end(): void {
    this.state = { name: 'ended' };
    this.generation += 1;
  }

  /** While it waits: sets what its client knows if that is not the window that it joined. */
  continueFrom(known: KnownWindow, rewind?: Rewind): void {
    if (this.state.name !== 'waiting') return;
    const follow = rewind?.isComplete ? this.state.follow : 'difference';
    this.state = { name: 'waiting', known, rewind, follow };
  }

  /** While it waits: keeps what is delivered to the others. */
  buffer(delivery: WindowDelivery): void {
    if (this.state.name !== 'waiting' || this.state.follow === 'difference') return;
    this.state.follow.push(delivery);
    if (this.state.follow.length > maxBuffered)
      this.state = { ...this.state, follow: 'difference' };
  }

  /** Nothing is sent until `resumed`. Not for one that waits for its response. */
  suspend(): void {
    this.isSuspended = true;
    this.#wasLive = this.state.name === 'live';
    this.state = { name: 'paused', known: this.known };
  }

  /** It is behind then: its group has to be refreshed, or it has to be moved to another one. */
  resumed(): void {
    this.isSuspended = false;
    this.fallBehind();
    this.generation += 1;
  }

  /** After `resumed`: live again, without a read, if it was and has missed nothing; false if not. */
  goesOn(): boolean {
    const { rows } = this.known;
    // What is being delivered may have been found when nobody was there to receive it.
    if (!this.#wasLive || !this.group.hasReceived(this)) return false;
    if (this.group.knownBy(this).rows !== rows) return false;
    this.state = { name: 'live' };
    return true;
  }

  /** The group sends the difference from what it knows when it reads its rows the next time. */
  fallBehind(known = this.known): void {
    this.state = { name: 'behind', known };
  }

  /** The group sends it the difference from these rows. `isAsked`: its client asked for that. */
  moveTo(group: SubscribedGroup, rows: KnownRows, { isAsked }: { isAsked: boolean }): void {
    const known = { rows, pos: this.known.pos, isExact: false };
    this.#wasLive = false;
    this.group.detach(this);
    this.group = group;
    group.attach(this);
    if (this.state.name === 'waiting') this.continueFrom(known);
    else this.state = { name: this.state.name === 'paused' ? 'paused' : 'behind', known };
    if (this.progress === 'ended') return;
    this.generation += 1;
    group.refresh(isAsked ? this.session : undefined);
  }
}
