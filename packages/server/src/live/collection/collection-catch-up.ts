import { fail } from '@really/protocol';
import { pushView } from '../../model/view/view.js';
import { ownerOf } from '../../queries/owner.js';
import type { Created } from '../../store/store.js';
import { FairHistoryReader } from '../catch-up/fair-history-reader.js';
import type { FairLimiter } from '../catch-up/fair-limiter.js';
import { type LiveContext, modelOf } from '../live-context.js';
import { assignGroup } from '../registry/assign-group.js';
import type { SubscriptionRegistry } from '../registry/subscription-registry.js';
import { type CollectionDelivery, CreationFrames, creationOf } from './collection-delivery.js';
import { creationPage } from './collection-feed.js';
import type { CollectionSubscription } from './collection-subscription.js';

/** Catches up single subscriptions to their collection, page by page. */
export class CollectionCatchUp {
  readonly #context: LiveContext;
  readonly #delivery: CollectionDelivery;
  readonly #registry: SubscriptionRegistry;
  readonly #limiter: FairLimiter;

  constructor(
    context: LiveContext,
    deps: { delivery: CollectionDelivery; registry: SubscriptionRegistry; limiter: FairLimiter },
  ) {
    this.#context = context;
    this.#delivery = deps.delivery;
    this.#registry = deps.registry;
    this.#limiter = deps.limiter;
  }

  /** Starts or restarts: cancels the run in flight for this subscription. */
  begin(subscription: CollectionSubscription): void {
    subscription.progress = 'behind';
    subscription.generation += 1;
    const { generation } = subscription;
    this.#limiter.run(subscription.session, () => this.#run(subscription, generation));
  }

  /**
   * As `begin`, for a subscription that starts at the store's current position: usually nothing has
   * to be read.
   */
  beginFromNow(subscription: CollectionSubscription): void {
    if (subscription.pos >= subscription.topic.appliedPos) subscription.progress = 'live';
    else this.begin(subscription);
  }

  /**
   * Moves it to its new group when the limiter allows. A live subscription has received everything
   * applied so far, so nothing has to be read unless a delivery is in flight or follows.
   */
  reassign(subscription: CollectionSubscription): void {
    if (subscription.progress === 'waiting')
      assignGroup(this.#context, this.#registry, subscription);
    if (subscription.progress !== 'live' && subscription.progress !== 'behind') return;
    if (subscription.progress === 'behind' || subscription.topic.backlog) {
      this.begin(subscription);
      return;
    }
    subscription.pos = Math.max(subscription.pos, subscription.topic.appliedPos);
    subscription.progress = 'behind';
    subscription.generation += 1;
    const { generation } = subscription;
    this.#limiter.run(subscription.session, async () => {
      if (subscription.generation !== generation || subscription.progress !== 'behind') return;
      assignGroup(this.#context, this.#registry, subscription);
      if (subscription.pos >= subscription.topic.appliedPos) subscription.progress = 'live';
      else await this.#run(subscription, generation);
    });
  }

  /** Never rejects. */
  async #run(subscription: CollectionSubscription, generation: number): Promise<void> {
    try {
      if (subscription.generation === generation && subscription.progress === 'behind')
        assignGroup(this.#context, this.#registry, subscription);
      while (subscription.generation === generation && this.#canContinue(subscription)) {
        const page = await this.#read(subscription);
        if (subscription.generation !== generation) return;
        if (page.gone) throw fail('position.gone');
        await this.#pushPage(subscription, generation, page);
      }
    } catch (error) {
      if (subscription.generation === generation) this.#registry.fail([subscription], error);
    }
  }

  #canContinue(subscription: CollectionSubscription): boolean {
    if (subscription.progress !== 'behind') return false;
    if (subscription.session.pushTarget.congested) this.#pause(subscription);
    return !subscription.session.pushTarget.congested;
  }

  #read(subscription: CollectionSubscription): Promise<Created> {
    // Each page has its own time budget, since a slow client may delay the next one.
    const reads = new FairHistoryReader(this.#context, ownerOf(subscription.session.pushTarget));
    return reads.created(subscription.topic.scope, subscription.pos, creationPage);
  }

  async #pushPage(
    subscription: CollectionSubscription,
    generation: number,
    page: Created,
  ): Promise<void> {
    const model = modelOf(this.#context, subscription.topic.scope.names);
    if (!model) throw fail('model.unknown');
    for (const entry of page.entries) {
      const view = await pushView(model, entry.object, subscription.session.pushTarget.auth);
      if (subscription.generation !== generation || subscription.progress !== 'behind') return;
      const frames = new CreationFrames(this.#context, subscription.group, {
        creation: creationOf(entry),
        view,
      });
      if (!this.#delivery.push(subscription, frames)) {
        this.#pause(subscription);
        return;
      }
    }
    if (subscription.generation !== generation) return;
    subscription.pos = Math.max(subscription.pos, page.through);
    // Live after the last page, unless the collection applied a creation meanwhile.
    if (page.entries.length < creationPage && subscription.pos >= subscription.topic.appliedPos)
      subscription.progress = 'live';
  }

  #pause(subscription: CollectionSubscription): void {
    subscription.progress = 'paused';
    this.#context.metrics.pauses.add();
  }
}
