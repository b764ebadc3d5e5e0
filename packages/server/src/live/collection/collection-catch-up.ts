import { fail } from '@really/protocol';
import { estimateBytes } from '../../objects/estimate-bytes.js';
import { ownerOf } from '../../queries/owner.js';
import type { Created } from '../../store/store-reads.js';
import { beginCatchUp } from '../catch-up/begin-catch-up.js';
import { FairHistoryReader } from '../catch-up/fair-history-reader.js';
import { type LiveContext, modelOf } from '../live-context.js';
import { canPush } from '../push/fan-out.js';
import { viewNow } from '../push/view-now.js';
import type { SubscriptionRegistry } from '../registry/subscription-registry.js';
import { authorizeCollection, requireModel } from '../subscribe-checks.js';
import { type CollectionDelivery, CreationFrames, creationOf } from './collection-delivery.js';
import { creationPage } from './collection-feed.js';
import type { CollectionSubscription } from './collection-subscription.js';

/** Catches up single subscriptions to their collection, page by page. */
export class CollectionCatchUp {
  readonly #context: LiveContext;
  readonly #delivery: CollectionDelivery;
  readonly #registry: SubscriptionRegistry;

  constructor(
    context: LiveContext,
    deps: { delivery: CollectionDelivery; registry: SubscriptionRegistry },
  ) {
    this.#context = context;
    this.#delivery = deps.delivery;
    this.#registry = deps.registry;
  }

  /** See `beginCatchUp`. */
  begin(subscription: CollectionSubscription): void {
    beginCatchUp(this.#context, this.#registry, subscription, async (isCurrent) => {
      await this.#authorize(subscription);
      await this.#run(subscription, isCurrent);
    });
  }

  /** As `begin`, for one that starts at the store's position: usually nothing has to be read. */
  beginFromNow(subscription: CollectionSubscription): void {
    if (subscription.pos >= subscription.topic.appliedPos) subscription.progress = 'live';
    else this.begin(subscription);
  }

  /** As `begin`: nothing has to be read unless a delivery was missed before it is in its new group. */
  beginFromPos(subscription: CollectionSubscription): void {
    beginCatchUp(this.#context, this.#registry, subscription, async (isCurrent) => {
      await this.#authorize(subscription);
      if (!isCurrent()) return;
      if (subscription.pos >= subscription.topic.appliedPos) subscription.progress = 'live';
      else await this.#run(subscription, isCurrent);
    });
  }

  /** Ends a subscription that has not started, if it may not be subscribed to any more. */
  async endIfRefused(subscription: CollectionSubscription): Promise<void> {
    try {
      await this.#authorize(subscription);
    } catch (error) {
      this.#registry.fail([subscription], error);
    }
  }

  /** Rejects if the rules refuse the user whatever is created: creations do not show that. */
  async #authorize({ topic, session }: CollectionSubscription): Promise<void> {
    const model = modelOf(this.#context, topic.scope.names);
    if (model) await authorizeCollection(model, session.pushTarget, topic.r);
  }

  async #run(subscription: CollectionSubscription, isCurrent: () => boolean): Promise<void> {
    while (subscription.progress === 'behind' && canPush(this.#context, subscription)) {
      // Each page has its own time budget, since a slow client may delay the next one.
      const reads = new FairHistoryReader(this.#context, ownerOf(subscription.session.pushTarget));
      const { scope } = subscription.topic;
      const page = await reads.created(scope, subscription.pos, creationPage);
      if (!isCurrent()) return;
      if (page.gone) throw fail('position.gone');
      await this.#pushPage(subscription, isCurrent, page);
      // Afterwards, because a target that has to wait takes no push.
      for (const { object } of page.entries) {
        void subscription.session.pushTarget.charge?.(estimateBytes(object.data));
      }
      if (!isCurrent()) return;
    }
  }

  async #pushPage(
    subscription: CollectionSubscription,
    isCurrent: () => boolean,
    page: Created,
  ): Promise<void> {
    const model = requireModel(this.#context, subscription.topic.scope.names);
    for (const entry of page.entries) {
      const { auth } = subscription.session.pushTarget;
      const sight = await viewNow(this.#context, model, entry.object, { auth });
      if (!isCurrent() || subscription.progress !== 'behind') return;
      const creation = creationOf(entry);
      const frames = new CreationFrames(this.#context, subscription.group, { creation, sight });
      this.#delivery.push(subscription, frames);
      if (subscription.progress !== 'behind') return;
    }
    subscription.pos = Math.max(subscription.pos, page.through);
    // Live after the last page, unless the collection applied a creation meanwhile.
    if (!page.more && subscription.pos >= subscription.topic.appliedPos)
      subscription.progress = 'live';
  }
}
