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
  /** The new window by R. */
  readonly rows: ReadonlyMap<string, Row>;
}

/**
 * Deliveries buffered while the response is pending; beyond this, the difference is sent instead.
 */
const maxBuffered = 64;

/**
 * The state of a subscription to a query:
 *
 * - `waiting`: its read is not answered yet; deliveries are buffered;
 * - `live`: receives the events of its window as they happen;
 * - `behind`: the difference from `known` to the current window will be sent;
 * - `paused`: behind, and its output buffer is full;
 * - `ended`.
 */
export class QuerySubscription {
  readonly kind = 'query';
  readonly session: SubscriptionOwner;
  readonly key: string;
  group: SubscribedGroup;
  /** Its slot in its group. */
  slot = 0;
  progress: 'waiting' | 'live' | 'behind' | 'paused' | 'ended' = 'waiting';
  /**
   * The rows it knows, unless they are those of its group: set while it is behind, paused or
   * waiting, or ahead of its group.
   */
  known: KnownRows | undefined;
  /** The position of what it knows. After a rewind it may be ahead of its group. */
  pos: Pos = 0;
  /** The latest position sent to its client: later pushes never carry an earlier one. */
  sentPos: Pos = 0;
  /** The view under which its client received all of its window. */
  view: string;
  /** Before this position, `known` may be newer than `pos`. */
  exactFrom: Pos = 0;
  /**
   * True if `known` is not exactly the window at `pos`: part of what followed was sent, or it was
   * sent under other rights.
   */
  isPartial = false;
  generation = 0;
  /** With `since`: what to replay first. */
  rewind: Rewind | undefined;
  #buffered: WindowDelivery[] | undefined = [];

  constructor(session: SubscriptionOwner, group: SubscribedGroup, key: string) {
    this.session = session;
    this.group = group;
    this.key = key;
    this.view = group.traits.view;
  }

  /** The rows that its client knows, and where to resume from. */
  get cursor(): WindowCursor & { readonly known: KnownRows } {
    const { known, pos } = this;
    if (!known) return { ...this.group.cursor, known: this.group.known() };
    return { known, pos, isExact: !this.isPartial && pos >= this.exactFrom };
  }

  get topic(): { readonly r: string } {
    return this.group.traits;
  }

  /** Call only while `waiting`. */
  buffer(delivery: WindowDelivery): void {
    this.#buffered?.push(delivery);
    if ((this.#buffered?.length ?? 0) > maxBuffered) this.#buffered = undefined;
  }

  /** The buffered deliveries, once; `undefined` if there were too many. */
  drain(): readonly WindowDelivery[] | undefined {
    const buffered = this.#buffered;
    this.#buffered = undefined;
    return buffered;
  }
}
