import type { Scope } from '../../store/store-reads.js';
import type { CommittedChange, Pos } from '../../store/stored-object.js';
import type { SubscriberGroup } from '../registry/subscriber-group.js';
import type { SubscriptionOwner } from '../registry/subscription-owner.js';
import { TopicSubscription } from '../registry/topic-subscription.js';
import { GroupedTopic } from '../registry/topics.js';

/** One connection's subscription to the creations in a collection. */
export class CollectionSubscription extends TopicSubscription<CollectionSubscriberGroup> {
  /** Its cursor: it has received every creation up to here that concerns it. */
  pos: Pos;

  constructor(session: SubscriptionOwner, group: CollectionSubscriberGroup, pos: Pos) {
    super(session, group);
    this.pos = pos;
  }

  get kind(): 'collection' {
    return 'collection';
  }
}

export type CollectionSubscriberGroup = SubscriberGroup<CollectionSubscription, CollectionTopic>;

/** Creations that wait for authorization or for a read of the store. */
export interface CollectionBacklog {
  readonly queue: CommittedChange[];
  /** Set if creations after this position may have been missed: they are read from the store. */
  gapAfter: Pos | undefined;
}

/** A collection with subscribers to its creations. Its parents are given or wild. */
export class CollectionTopic extends GroupedTopic<CollectionSubscription> {
  readonly scope: Scope;
  /** The position of the last applied creation. A subscription must reach it to go live. */
  appliedPos: Pos = 0;
  /** Exists only while creations cannot be applied at once. */
  backlog: CollectionBacklog | undefined;

  constructor(r: string, scope: Scope) {
    super(r);
    this.scope = scope;
  }
}

/** The Rs of all collections, as one can subscribe to them, that this object is created in. */
export function collectionsAround(r: string): string[] {
  const nearest = `${r.slice(0, r.lastIndexOf('/'))}/*`;
  if (nearest.indexOf('/', 1) === nearest.length - 2) return [nearest];
  const steps = r.split('/');
  const around: string[] = [];
  // steps: '', name, id, name, id …; the last id is always wild, then more and more parents.
  for (let wild = steps.length - 1; wild >= 2; wild -= 2) {
    steps[wild] = '*';
    around.push(steps.join('/'));
  }
  return around;
}
