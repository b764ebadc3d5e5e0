import type { Pos } from '../../store/store.js';
import type { SubscriptionOwner } from '../registry/subscription-owner.js';
import type { QueryGroupTraits, WindowCursor } from './query-group-traits.js';
import type { KnownRows, Row } from './query-window.js';
import type { Rewind } from './rewind/rewind.js';
import type { WindowEvent, WindowEventFrames } from './window-event.js';

/** What a subscription uses of the group that it is attached to. */
export interface SubscribedGroup {
  readonly traits: QueryGroupTraits;
  readonly cursor: WindowCursor;
  /** What those who are live know of the window's objects. */
  known(): KnownRows;
  attach(subscription: QuerySubscription): void;
  detach(subscription: QuerySubscription): void;
  /** Goes live with what was buffered meanwhile. */
  activate(subscription: QuerySubscription, buffered: readonly WindowDelivery[]): void;
  /** Sends what happened since the position that it rewound to. False: it is behind, or gone. */
  replay(subscription: QuerySubscription): boolean;
  /** Brings those who are behind up to date. */
  refresh(): void;
}

/** News of one moment. */
export interface WindowDelivery {
  readonly frames: readonly WindowEventFrames[];
  /** Where it is the difference between the windows of two positions, and not what one change did. */
  readonly difference: WindowDifference | undefined;
  readonly from: Pos;
  /** Of the change, or of the later window. */
  readonly at: Pos;
}

/** How somebody who was told a part of a difference stands. */
export interface WindowDifference {
  readonly before: KnownRows;
  readonly events: readonly WindowEvent[];
  /** The window afterwards, by R. */
  readonly rows: ReadonlyMap<string, Row>;
}

/** News that are kept for a subscriber whose answer is being made; with more, it is told the difference instead. */
const maxBuffered = 64;

/**
 * How far a subscription to a query is on its way:
 *
 * - `waiting`: its read is not answered yet; news are kept for it;
 * - `live`: hears what happens to its window as it happens;
 * - `behind`: `known` is what it knows; the difference to what is now will be told;
 * - `paused`: as `behind`, but its connection has to take some output first;
 * - `ended`.
 */
export class QuerySubscription {
  readonly kind = 'query';
  readonly session: SubscriptionOwner;
  readonly key: string;
  group: SubscribedGroup;
  /** Its seat in its group. */
  slot = 0;
  progress: 'waiting' | 'live' | 'behind' | 'paused' | 'ended' = 'waiting';
  /** Set while it is behind, paused or waiting, and while it is ahead of its group. */
  known: KnownRows | undefined;
  /** What it knows was true here: from a position on, it may be ahead of its group. */
  pos: Pos = 0;
  /** The furthest position that was told to its client: what is told carries none before it. */
  sentPos: Pos = 0;
  /** The view under which its client has heard all of its window. */
  view: string;
  /** Before this position `known` may be ahead of `pos`. */
  exactFrom: Pos = 0;
  /** True where `known` is not just what the window was at `pos`: it was told a part of what came next, or under other rights. */
  isPartial = false;
  generation = 0;
  /** With `since`: what is to be told first. */
  rewind: Rewind | undefined;
  #buffered: WindowDelivery[] | undefined = [];

  constructor(session: SubscriptionOwner, group: SubscribedGroup, key: string) {
    this.session = session;
    this.group = group;
    this.key = key;
    this.view = group.traits.view;
  }

  /** What it was told, and where somebody goes on from who was told that. */
  get cursor(): WindowCursor & { readonly known: KnownRows } {
    const { known, pos } = this;
    if (!known) return { ...this.group.cursor, known: this.group.known() };
    return { known, pos, isExact: !this.isPartial && pos >= this.exactFrom };
  }

  get topic(): { readonly r: string } {
    return this.group.traits;
  }

  /** While it waits. */
  buffer(delivery: WindowDelivery): void {
    this.#buffered?.push(delivery);
    if ((this.#buffered?.length ?? 0) > maxBuffered) this.#buffered = undefined;
  }

  /** What was kept, for the last time; `undefined` where it was too much. */
  drain(): readonly WindowDelivery[] | undefined {
    const buffered = this.#buffered;
    this.#buffered = undefined;
    return buffered;
  }
}
