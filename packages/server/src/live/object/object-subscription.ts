import type { CommittedChange } from '../../store/store.js';
import { CompactMap } from '../registry/compact-map.js';
import { SubscriberGroup, type SubscriberGroupTraits } from '../registry/subscriber-group.js';
import type { SubscriptionOwner } from '../registry/subscription-owner.js';

/**
 * The state of a subscription:
 *
 * - `waiting`: registered, but its response is not queued yet;
 * - `live`: receives each change of its topic as it happens;
 * - `behind`: missed changes are being read from the store;
 * - `paused`: behind, and its output buffer is full;
 * - `ended`.
 *
 * waiting → live | behind; live → behind | paused; behind ⇄ paused; behind → live; behind and live
 * → waiting again when more fields are requested; any → ended.
 */
export type SubscriptionProgress = 'waiting' | 'live' | 'behind' | 'paused' | 'ended';

/**
 * What to send a subscription to make it live:
 *
 * - `revisions`: each revision after its cursor;
 * - `first`, `widened`, `renewed`: a snapshot, because it is new, has more fields, or its previous
 *   view is unknown;
 * - `changes`: a snapshot if anything visible changed.
 */
export type CatchUpMode = 'revisions' | 'first' | 'widened' | 'renewed' | 'changes';

/** One connection's subscription to one object. Kept small: there may be one per client. */
export class ObjectSubscription {
  readonly session: SubscriptionOwner;
  group: ObjectSubscriberGroup;
  slot = 0;
  progress: SubscriptionProgress = 'waiting';
  catchUpMode: CatchUpMode;
  /** Its cursor: it has received every revision up to here that concerns it. */
  rev: number;
  /** The fields hidden from it at `rev`; `undefined` if unknown. */
  hidden: readonly string[] | undefined;
  /** Incremented to cancel the work in flight for it. */
  generation = 0;

  /** The view that its client knows. */
  view: string;

  constructor(
    session: SubscriptionOwner,
    group: ObjectSubscriberGroup,
    { catchUpMode, rev }: { catchUpMode: CatchUpMode; rev: number },
  ) {
    this.session = session;
    this.group = group;
    this.view = group.view;
    this.catchUpMode = catchUpMode;
    this.rev = rev;
  }

  get kind(): 'object' {
    return 'object';
  }

  get topic(): ObjectTopic {
    return this.group.topic;
  }

  get key(): string {
    return this.topic.r;
  }
}

export type ObjectSubscriberGroup = SubscriberGroup<ObjectSubscription, ObjectTopic>;

/** Changes that wait for authorization or for a read of the store. */
export interface ObjectBacklog {
  readonly queue: CommittedChange[];
  /** The highest observed revision. */
  newestRev: number;
  /**
   * Some revision up to `newestRev` is neither applied nor queued: it has to be read from the
   * store.
   */
  hasGap: boolean;
}

/** An object with subscribers. */
export class ObjectTopic {
  /** The printed R. */
  readonly r: string;
  /** The names of its collection; the model's own list. */
  readonly names: readonly string[];
  readonly groups = new CompactMap<ObjectSubscriberGroup>();
  /**
   * Every revision up to this one was applied: a live subscription with a lower cursor is about to
   * receive it, and a subscription must have reached it to go live.
   */
  rev = 0;
  /** Subscribe requests that rely on `rev`. */
  retainCount = 0;
  /** Exists only while changes cannot be applied at once. */
  backlog: ObjectBacklog | undefined;

  constructor(r: string, names: readonly string[]) {
    this.r = r;
    this.names = names;
  }

  get isEmpty(): boolean {
    return this.groups.size === 0;
  }

  group(traits: SubscriberGroupTraits): ObjectSubscriberGroup {
    const known = this.groups.get(traits.key);
    if (known) return known;
    const group: ObjectSubscriberGroup = new SubscriberGroup(this, traits);
    this.groups.add(group);
    return group;
  }
}
