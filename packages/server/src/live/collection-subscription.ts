import type { Pos } from '../store/store.js';
import type { Audience } from './audience.js';
import type { CollectionTopic } from './collection-topic.js';
import type { Progress } from './object-subscription.js';
import type { Session } from './session.js';

/** One connection's subscription to what is created in a collection. */
export class CollectionSubscription {
  readonly session: Session;
  audience: CollectionAudience;
  place = 0;
  progress: Progress = 'waiting';
  /** Its cursor: it has heard of all that was created up to this position and concerns it. */
  pos: Pos;
  /** The view that its client knows of. */
  view: string;
  /** Goes up whenever work for it that is under way has lost its point. */
  round = 0;

  constructor(session: Session, audience: CollectionAudience, pos: Pos) {
    this.session = session;
    this.audience = audience;
    this.view = audience.view;
    this.pos = pos;
  }

  get kind(): 'collection' {
    return 'collection';
  }

  get topic(): CollectionTopic {
    return this.audience.topic;
  }

  get key(): string {
    return this.topic.r;
  }
}

export type CollectionAudience = Audience<CollectionSubscription, CollectionTopic>;
