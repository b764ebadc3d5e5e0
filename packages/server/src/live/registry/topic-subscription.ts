import type { SubscriptionOwner, SubscriptionProgress } from './subscription-owner.js';

interface SubscribedTo {
  readonly topic: { readonly r: string };
  readonly view: string;
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
