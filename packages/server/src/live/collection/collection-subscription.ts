import type { CommittedChange, Pos, Scope } from '../../store/store.js';
import type { SubscriptionProgress } from '../object/object-subscription.js';
import { CompactMap } from '../registry/compact-map.js';
import { SubscriberGroup, type SubscriberGroupTraits } from '../registry/subscriber-group.js';
import type { SubscriptionOwner } from '../registry/subscription-owner.js';

/** One connection's subscription to what is created in a collection. */
export class CollectionSubscription {
  readonly session: SubscriptionOwner;
  group: CollectionSubscriberGroup;
  slot = 0;
  progress: SubscriptionProgress = 'waiting';
  /** Its cursor: it has heard of all that was created up to this position and concerns it. */
  pos: Pos;
  /** The view that its client knows of. */
  view: string;
  /** Goes up whenever work for it that is under way has lost its point. */
  generation = 0;

  constructor(session: SubscriptionOwner, group: CollectionSubscriberGroup, pos: Pos) {
    this.session = session;
    this.group = group;
    this.view = group.view;
    this.pos = pos;
  }

  get kind(): 'collection' {
    return 'collection';
  }

  get topic(): CollectionTopic {
    return this.group.topic;
  }

  get key(): string {
    return this.topic.r;
  }
}

export type CollectionSubscriberGroup = SubscriberGroup<CollectionSubscription, CollectionTopic>;

/** Creations that wait because rights are being judged, or the store is being read. */
export interface CollectionBacklog {
  readonly queue: CommittedChange[];
  /** Set where creations after this position may have been missed, and are not queued any more: the store has them. */
  gapAfter: Pos | undefined;
}

/** A collection, its parents named or wild, whose creations somebody wants to hear of. */
export class CollectionTopic {
  /** Printed, as subscribed. */
  readonly r: string;
  readonly scope: Scope;
  /** To be indexed by the equality terms of their filters once there are live queries that hear of updates. */
  readonly groups = new CompactMap<CollectionSubscriberGroup>();
  /** The position of the last creation that was taken. A subscription that goes live must have come as far. */
  appliedPos: Pos = 0;
  /** Subscriptions in the making that count on `taken` being kept up. */
  retainCount = 0;
  /** Exists only while creations cannot be taken as they come. */
  backlog: CollectionBacklog | undefined;

  constructor(r: string, scope: Scope) {
    this.r = r;
    this.scope = scope;
  }

  get isEmpty(): boolean {
    return this.groups.size === 0;
  }

  group(traits: SubscriberGroupTraits): CollectionSubscriberGroup {
    const known = this.groups.get(traits.key);
    if (known) return known;
    const group: CollectionSubscriberGroup = new SubscriberGroup(this, traits);
    this.groups.add(group);
    return group;
  }
}

/** The Rs of all collections, as one can subscribe to them, that an object of this R is created in. */
export function collectionsAround(r: string): string[] {
  const steps = r.split('/');
  const around: string[] = [];
  // steps: '', name, id, name, id …; the last id is always wild, and before it ever more parents.
  for (let wild = steps.length - 1; wild >= 2; wild -= 2) {
    steps[wild] = '*';
    around.push(steps.join('/'));
  }
  return around;
}
