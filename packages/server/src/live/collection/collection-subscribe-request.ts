import { type CollectionR, fail } from '@really/protocol';
import type { Model } from '../../model/model.js';
import { ownerOf } from '../../queries/owner.js';
import type { Pos } from '../../store/stored-object.js';
import { FairHistoryReader } from '../catch-up/fair-history-reader.js';
import type { LiveContext } from '../live-context.js';
import type { Position } from '../position.js';
import { visibleFields } from '../push/visibility.js';
import type { GroupReassignment } from '../registry/group-reassignment.js';
import { groupTraitsOf } from '../registry/group-traits.js';
import type { LiveSession } from '../registry/live-session.js';
import type { SubscriberGroupTraits } from '../registry/subscriber-group.js';
import type { SubscriptionRegistry } from '../registry/subscription-registry.js';
import type { Topics } from '../registry/topics.js';
import {
  assertSubscribable,
  authorizeCollection,
  type ItemSubscribeRequest,
  type RegisteredItem,
  type RegisterItem,
  type RequestedSubscription,
  requestedFields,
  requireModel,
  type SubscribeRequestItem,
  widenFields,
} from '../subscribe-checks.js';
import type { CollectionCatchUp } from './collection-catch-up.js';
import { CollectionSubscription, CollectionTopic } from './collection-subscription.js';

export interface CollectionSubscribeDeps {
  readonly context: LiveContext;
  readonly topics: { readonly collections: Topics<CollectionTopic> };
  readonly registry: SubscriptionRegistry;
  readonly catchUps: { readonly collections: CollectionCatchUp };
  readonly reassignment: GroupReassignment;
}

/** A subscribe request for the creations in a collection: rule SUB6. */
export class CollectionSubscribeRequest implements ItemSubscribeRequest {
  readonly #deps: CollectionSubscribeDeps;
  readonly #session: LiveSession;
  readonly #item: RequestedSubscription;
  /** The path of the item in the request, for errors. */
  readonly #path: string;
  readonly #model: Model;
  readonly #fields: readonly string[] | undefined;
  readonly #topic: CollectionTopic;

  /**
   * Throws if the request is refused without reading. Retains the topic, so that no creation is
   * missed between reading the position and going live.
   */
  constructor(
    deps: CollectionSubscribeDeps,
    session: LiveSession,
    { r, names, parents }: CollectionR,
    { item, index }: SubscribeRequestItem,
  ) {
    this.#deps = deps;
    this.#session = session;
    this.#item = item;
    this.#path = `body.subscriptions[${index}]`;
    this.#model = requireModel(deps.context, names);
    this.#fields = requestedFields(this.#model, item.fields, `${this.#path}.fields`);
    assertSubscribable(this.#model, session.pushTarget.auth);
    this.#topic = deps.topics.collections.retain(
      r,
      () => new CollectionTopic(r, { names, parents }),
    );
  }

  release(): void {
    this.#deps.topics.collections.release(this.#topic);
  }

  async authorize(): Promise<RegisterItem> {
    await authorizeCollection(this.#model, this.#session.pushTarget, this.#topic.r);
    const { store } = this.#deps.context;
    const now = await store.position();
    this.#deps.context.cursor.beginAt(now);
    const from = this.#startingPosition();
    if (from !== undefined) {
      const reads = new FairHistoryReader(this.#deps.context, ownerOf(this.#session.pushTarget));
      const { gone } = await reads.created(this.#topic.scope, from.pos, 1);
      if (gone) throw fail('position.gone');
    }
    return () => this.#register(now, from);
  }

  /** One of another view is accepted only from the server itself (`after`). */
  #startingPosition(): Position | undefined {
    const { after, pos } = this.#item;
    if (after || pos === undefined) return after;
    const { view } = this.#groupTraits();
    return this.#deps.context.positions.read(pos, view, `${this.#path}.pos`);
  }

  #register(now: Pos, from: Position | undefined): RegisteredItem {
    const known = this.#session.subscriptions.get(this.#topic.r);
    return known?.kind === 'collection' ? this.#widen(known) : this.#create(now, from);
  }

  #create(now: Pos, from: Position | undefined): RegisteredItem {
    this.#deps.registry.assertRoom(this.#session, 'collection');
    const group = this.#topic.group(this.#groupTraits());
    const subscription = new CollectionSubscription(this.#session, group, from?.pos ?? now);
    if (from) subscription.view = from.view;
    this.#deps.registry.register(subscription);
    const begin = () => {
      if (from === undefined) this.#deps.catchUps.collections.beginFromNow(subscription);
      else this.#deps.catchUps.collections.begin(subscription);
    };
    const start = () => this.#deps.registry.start(subscription, begin);
    return { ...this.#registered(subscription), start };
  }

  #groupTraits(): SubscriberGroupTraits {
    const { pushTarget } = this.#session;
    const asked = { r: this.#topic.r, fields: this.#fields };
    return groupTraitsOf(this.#deps.context, this.#model, asked, pushTarget);
  }

  /** A position in the request is ignored: it has received everything since it was created. */
  #widen(subscription: CollectionSubscription): RegisteredItem {
    this.#deps.registry.assignGroup(subscription);
    const fields = widenFields(this.#model, subscription.group.fields, this.#fields);
    if (fields !== subscription.group.fields)
      this.#deps.reassignment.changeFields(subscription, fields);
    return this.#registered(subscription);
  }

  #registered(subscription: CollectionSubscription): RegisteredItem {
    const { fields, view } = subscription.group;
    const visible = visibleFields(this.#model, { fields, hidden: [] });
    return { r: subscription.key, fields: visible, view };
  }
}
