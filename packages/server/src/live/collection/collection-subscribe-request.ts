import { type CollectionR, fail } from '@really/protocol';
import type { Model } from '../../model/model.js';
import { ownerOf } from '../../queries/owner.js';
import type { Pos, Scope } from '../../store/store.js';
import { FairHistoryReader } from '../catch-up/fair-history-reader.js';
import type { LiveContext } from '../live-context.js';
import type { Position } from '../position.js';
import { visibleFields } from '../push/visibility.js';
import { assignGroup } from '../registry/assign-group.js';
import type { GroupReassignment } from '../registry/group-reassignment.js';
import type { LiveSession } from '../registry/live-session.js';
import type { SubscriberGroupTraits } from '../registry/subscriber-group.js';
import type { SubscriptionRegistry } from '../registry/subscription-registry.js';
import type { Topics } from '../registry/topics.js';
import {
  type AuthorizedItem,
  assertSubscribable,
  authorizeCollection,
  groupTraitsOf,
  type ItemSubscribeRequest,
  type RegisteredItem,
  requireModel,
  widenFields,
} from '../subscribe-checks.js';
import type { CollectionCatchUp } from './collection-catch-up.js';
import type { CollectionFeed } from './collection-feed.js';
import { CollectionSubscription, CollectionTopic } from './collection-subscription.js';

export interface CollectionSubscribeDeps {
  readonly context: LiveContext;
  readonly topics: Topics<CollectionTopic>;
  readonly registry: SubscriptionRegistry;
  readonly catchUp: CollectionCatchUp;
  readonly feed: CollectionFeed;
  readonly reassignment: GroupReassignment;
}

export interface CollectionSubscribeOptions {
  readonly r: string;
  readonly scope: Scope;
  readonly fields: readonly string[] | undefined;
  /** As a push told it. */
  readonly pos?: string | undefined;
  /** As in `Wished`. */
  readonly after?: Position | undefined;
  /** The path of `pos` in the request, for the error that names it. */
  readonly posPath: string;
}

/** A subscription to creations in the making: rule SUB6. */
export class CollectionSubscribeRequest implements ItemSubscribeRequest {
  readonly #deps: CollectionSubscribeDeps;
  readonly #session: LiveSession;
  readonly #options: CollectionSubscribeOptions;
  readonly #model: Model;
  readonly #topic: CollectionTopic;

  /**
   * Throws where it is refused as it stands. From here on the topic takes note of creations, so that
   * none goes by between reading the position and being live.
   */
  constructor(
    deps: CollectionSubscribeDeps,
    session: LiveSession,
    options: CollectionSubscribeOptions,
  ) {
    this.#deps = deps;
    this.#session = session;
    this.#options = options;
    this.#model = requireModel(deps.context, options.scope.names);
    assertSubscribable(this.#model);
    const { r, scope } = options;
    this.#topic = deps.topics.retain(r, () => new CollectionTopic(r, scope));
  }

  release(): void {
    this.#deps.topics.release(this.#topic);
  }

  async authorize(): Promise<AuthorizedItem> {
    await authorizeCollection(this.#model, this.#session.pushTarget, this.#topic.r);
    const { store } = this.#deps.context;
    const now = await store.position();
    this.#deps.feed.beginAt(now);
    const asked = this.#asked();
    if (asked !== undefined) {
      const reads = new FairHistoryReader(this.#deps.context, ownerOf(this.#session.pushTarget));
      const { gone } = await reads.created(this.#topic.scope, asked.pos, 1);
      if (gone) throw fail('position.gone');
    }
    return { register: () => this.#register(now, asked) };
  }

  /** What was seen under another view nobody knows, unless the server itself has told it. */
  #asked(): Position | undefined {
    const { after, pos, posPath } = this.#options;
    if (after || pos === undefined) return after;
    return this.#deps.context.positions.read(pos, this.#groupTraits().view, posPath);
  }

  #register(now: Pos, asked: Position | undefined): RegisteredItem {
    const known = this.#session.subscriptions.get(this.#topic.r);
    return known?.kind === 'collection' ? this.#widen(known) : this.#create(now, asked);
  }

  #create(now: Pos, asked: Position | undefined): RegisteredItem {
    this.#deps.registry.assertRoom(this.#session, 'collection');
    const group = this.#topic.group(this.#groupTraits());
    const subscription = new CollectionSubscription(this.#session, group, asked?.pos ?? now);
    if (asked) subscription.view = asked.view;
    this.#deps.registry.register(subscription);
    const { generation } = subscription;
    const start = () => {
      if (subscription.generation !== generation || subscription.progress !== 'waiting') return;
      if (asked === undefined) this.#deps.catchUp.beginFromNow(subscription);
      else this.#deps.catchUp.begin(subscription);
    };
    return { ...this.#registered(subscription), start };
  }

  #groupTraits(): SubscriberGroupTraits {
    const { pushTarget } = this.#session;
    return groupTraitsOf(this.#deps.context, this.#model, this.#options.fields, pushTarget);
  }

  /** It has heard everything since it was made: a position that the client names does not matter. */
  #widen(subscription: CollectionSubscription): RegisteredItem {
    assignGroup(this.#deps.context, this.#deps.registry, subscription);
    const fields = widenFields(this.#model, subscription.group.fields, this.#options.fields);
    if (fields !== subscription.group.fields)
      this.#deps.reassignment.reassign(subscription, fields);
    return this.#registered(subscription);
  }

  #registered(subscription: CollectionSubscription): RegisteredItem {
    const { fields, view } = subscription.group;
    return {
      key: subscription.key,
      fields: visibleFields(this.#model, { fields, hidden: [] }),
      view,
    };
  }
}

/** What a subscribe command asks of a collection. */
export function collectionSubscribeOptions(
  { r, names, parents }: CollectionR,
  item: Pick<CollectionSubscribeOptions, 'fields' | 'pos' | 'after'>,
  index: number,
): CollectionSubscribeOptions {
  const posPath = `body.subscriptions[${index}].pos`;
  const { fields, pos, after } = item;
  return { r, scope: { names, parents }, fields, pos, after, posPath };
}
