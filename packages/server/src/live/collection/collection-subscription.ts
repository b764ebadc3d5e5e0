import type { Pos } from '../../store/store.js';
import type { SubscriptionProgress } from '../object/object-subscription.js';
import type { LiveSession } from '../registry/live-session.js';
import type { SubscriberGroup } from '../registry/subscriber-group.js';
import type { CollectionTopic } from './collection-topic.js';

/** One connection's subscription to what is created in a collection. */
export class CollectionSubscription {
  readonly session: LiveSession;
  group: CollectionSubscriberGroup;
  slot = 0;
  progress: SubscriptionProgress = 'waiting';
  /** Its cursor: it has heard of all that was created up to this position and concerns it. */
  pos: Pos;
  /** The view that its client knows of. */
  view: string;
  /** Goes up whenever work for it that is under way has lost its point. */
  generation = 0;

  constructor(session: LiveSession, group: CollectionSubscriberGroup, pos: Pos) {
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
