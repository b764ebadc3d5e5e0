import type { SubscriptionOwner, SubscriptionProgress } from './subscription-owner.js';

interface SubscribedTo {
  readonly topic: { readonly r: string };
  readonly view: string;
}

/** A catch-up that waits for its turn. */
interface QueuedCatchUp {
  /** Of the subscription: if it has another, it is not to be caught up this way. */
  readonly generation: number;
  readonly run: (isCurrent: () => boolean) => Promise<void>;
}

/** What the subscriptions to objects and collections have in common. */
export class TopicSubscription<Group extends SubscribedTo> {
  readonly session: SubscriptionOwner;
  group: Group;
  slot = 0;
  progress: SubscriptionProgress = 'waiting';
  /** The view that its client knows. */
  view: string;
  /** Incremented to cancel the work in flight for it. */
  generation = 0;
  /** Queued once, however often its catch-up is begun again. */
  nextCatchUp: QueuedCatchUp | undefined;

  constructor(session: SubscriptionOwner, group: Group) {
    this.session = session;
    this.group = group;
    this.view = group.view;
  }

  get topic(): Group['topic'] {
    return this.group.topic;
  }

  get key(): string {
    return this.topic.r;
  }

  end(): void {
    this.progress = 'ended';
    this.generation += 1;
  }
}
