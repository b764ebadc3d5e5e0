import type { CommittedChange, Pos, Scope } from '../../store/store.js';
import type { SubscriptionProgress } from '../object/object-subscription.js';
import { CompactMap } from '../registry/compact-map.js';
import { SubscriberGroup, type SubscriberGroupTraits } from '../registry/subscriber-group.js';
import type { SubscriptionOwner } from '../registry/subscription-owner.js';

/** One connection's subscription to the creations in a collection. */
export class CollectionSubscription {
  readonly session: SubscriptionOwner;
  group: CollectionSubscriberGroup;
  slot = 0;
  progress: SubscriptionProgress = 'waiting';
  /** Its cursor: it has received every creation up to here that concerns it. */
  pos: Pos;
  /** The view that its client knows. */
  view: string;
  /** Incremented to cancel the work in flight for it. */
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

/** Creations that wait for authorization or for a read of the store. */
export interface CollectionBacklog {
  readonly queue: CommittedChange[];
  /**
   * Set if creations after this position may have been missed; they are no longer queued but read
   * from the store.
   */
  gapAfter: Pos | undefined;
}

/** A collection with subscribers to its creations. Its parents are given or wild. */
export class CollectionTopic {
  /** The printed R, as subscribed. */
  readonly r: string;
  readonly scope: Scope;
  readonly groups = new CompactMap<CollectionSubscriberGroup>();
  /** The position of the last applied creation. A subscription must reach it to go live. */
  appliedPos: Pos = 0;
  /** Subscribe requests that rely on `appliedPos`. */
  retainCount = 0;
  /** Exists only while creations cannot be applied at once. */
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

/** The Rs of all collections, as one can subscribe to them, that this object is created in. */
export function collectionsAround(r: string): string[] {
  const steps = r.split('/');
  const around: string[] = [];
  // steps: '', name, id, name, id …; the last id is always wild, then more and more parents.
  for (let wild = steps.length - 1; wild >= 2; wild -= 2) {
    steps[wild] = '*';
    around.push(steps.join('/'));
  }
  return around;
}
