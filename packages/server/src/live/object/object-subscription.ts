import type { CommittedChange } from '../../store/store.js';
import { CompactMap } from '../registry/compact-map.js';
import { SubscriberGroup, type SubscriberGroupTraits } from '../registry/subscriber-group.js';
import type { SubscriptionOwner } from '../registry/subscription-owner.js';

/**
 * How far a subscription is on its way:
 *
 * - `waiting`: made, but the answer that says so is not queued yet;
 * - `live`: hears each change of its topic as it comes;
 * - `behind`: something is being read from the store for it;
 * - `paused`: as `behind`, but its connection has to take some output first;
 * - `ended`.
 *
 * waiting → live | behind; live → behind | paused; behind ⇄ paused; behind → live; behind and live →
 * waiting again, where more fields are asked for; any → ended.
 */
export type SubscriptionProgress = 'waiting' | 'live' | 'behind' | 'paused' | 'ended';

/**
 * What it is owed when it is not live: each revision after its cursor; a snapshot, because it is new,
 * has more fields now, or was told what it has under another view, and nobody knows what it saw then; or a snapshot if anything changed that it may see, as everybody who was live.
 */
export type CatchUpMode = 'revisions' | 'first' | 'widened' | 'renewed' | 'changes';

/** One connection's subscription to one object. Kept small: there are as many as there are clients. */
export class ObjectSubscription {
  readonly session: SubscriptionOwner;
  group: ObjectSubscriberGroup;
  slot = 0;
  progress: SubscriptionProgress = 'waiting';
  catchUpMode: CatchUpMode;
  /** Its cursor: it has heard, or was not concerned by, every revision up to this one. */
  rev: number;
  /** The fields that were hidden from it at that revision; `undefined` where nobody knows. */
  hidden: readonly string[] | undefined;
  /** Goes up whenever work for it that is under way has lost its point. */
  generation = 0;

  /** The view that its client knows of. */
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

/** Changes of an object that wait because rights are being judged, or the store is being read. */
export interface ObjectBacklog {
  readonly queue: CommittedChange[];
  /** The highest revision that was announced. */
  newestRev: number;
  /** Something between the last change taken and `newest` is neither taken nor in the queue: the store has it. */
  hasGap: boolean;
}

/** An object that somebody is subscribed to. */
export class ObjectTopic {
  /** Printed. */
  readonly r: string;
  /** Of its collection; the model's own list. */
  readonly names: readonly string[];
  readonly groups = new CompactMap<ObjectSubscriberGroup>();
  /**
   * Every revision up to this one was taken: a live subscription whose cursor is below it is about to
   * hear it, and one that goes live now must have a cursor at least as high.
   */
  rev = 0;
  /** Subscriptions in the making that count on `rev` being kept up. */
  retainCount = 0;
  /** Exists only while changes cannot be taken as they come. */
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
