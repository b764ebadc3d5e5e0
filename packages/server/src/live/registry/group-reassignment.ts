import { fail } from '@really/protocol';
import type { Model } from '../../model/model.js';
import { mayHide } from '../../model/view/view.js';
import type { CollectionCatchUp } from '../collection/collection-catch-up.js';
import type { CollectionSubscription } from '../collection/collection-subscription.js';
import { type LiveContext, modelOf } from '../live-context.js';
import type { ObjectCatchUp } from '../object/object-catch-up.js';
import type { ObjectSubscription } from '../object/object-subscription.js';
import type { QueryFeed } from '../query/query-feed.js';
import type { QueryGroup } from '../query/query-group.js';
import type { QueryGroupTraits } from '../query/query-group-traits.js';
import type { QuerySubscription } from '../query/query-subscription.js';
import { asOutdated } from '../query/query-window.js';
import { collectionNamesOf, survivingFields, viewOf } from '../reload/model-change.js';
import { assertQueryFits } from '../subscribe-checks.js';
import { queryGroupTraitsOf } from './group-traits.js';
import type { Subscription } from './live-session.js';
import type { GroupedSubscription, SubscriptionRegistry } from './subscription-registry.js';

/**
 * Why subscriptions are authorized again:
 *
 * - `auth`: the token of their connection was renewed;
 * - `lookup`: an object changed that their rights depend on;
 * - `model`: the model of their collection was replaced or removed;
 * - `version`: as `model`, and the version changed, so revisions cannot be compared.
 */
export type ReassignmentReason = 'auth' | 'lookup' | 'model' | 'version';

interface GroupReassignmentDeps {
  readonly registry: SubscriptionRegistry;
  readonly objects: ObjectCatchUp;
  readonly collections: CollectionCatchUp;
  readonly queries: QueryFeed;
}

/** Moves subscriptions to another subscriber group when their fields or rights change. */
export class GroupReassignment {
  readonly #context: LiveContext;
  readonly #deps: GroupReassignmentDeps;

  constructor(context: LiveContext, deps: GroupReassignmentDeps) {
    this.#context = context;
    this.#deps = deps;
  }

  /**
   * Authorizes these subscriptions again. When it returns, nothing more is pushed to them under
   * their old rights, not even by a delivery in flight. Each is caught up under the new ones as soon
   * as the limiter allows, since there may be ten thousand (rule LIM43). Returns how many it
   * concerned: a new token may give the same rights.
   */
  reauthorize(subscriptions: readonly Subscription[], reason: ReassignmentReason): number {
    let concerned = 0;
    const viewNow = this.#context.views.inOneRun();
    const hasSameRights = (subscription: Subscription, model: Model) => {
      const { session, topic } = subscription;
      return viewNow(model, session.pushTarget.auth, topic.r) === viewOf(subscription);
    };
    for (const subscription of subscriptions) {
      // One of those before it may have taken the room of its user.
      if (subscription.progress === 'ended') continue;
      const model = modelOf(this.#context, collectionNamesOf(subscription));
      if (!isReload(reason) && model && hasSameRights(subscription, model)) continue;
      concerned += 1;
      subscription.session.pushTarget.discardSent?.(subscription.key);
      if (model) this.#reauthorize(subscription, model, reason);
      // Otherwise the reload, which follows, fails them.
      else if (isReload(reason)) this.#deps.registry.fail([subscription], fail('model.unknown'));
    }
    return concerned;
  }

  /** The client selected other fields: cancels deliveries of the old group, and reads again. */
  changeFields(subscription: GroupedSubscription, fields: readonly string[] | undefined): void {
    if (!this.#deps.registry.assignGroup(subscription, { fields })) return;
    if (subscription.kind === 'object') this.#replay(subscription);
    else if (mayMissDelivery(subscription)) this.#deps.collections.begin(subscription);
  }

  /** The client raised the limit of its window: sends what enters it. Throws 429 beyond a limit. */
  changeLimit(subscription: QuerySubscription, model: Model, limit: number): void {
    const { traits: before } = subscription.group;
    const { pushTarget } = subscription.session;
    const traits = queryGroupTraitsOf(this.#context, model, { ...before, limit }, pushTarget);
    if (traits.key === before.key) return;
    const group = this.#groupFor(subscription, traits, model);
    if (group) subscription.moveTo(group, subscription.known.rows, { isAsked: true });
  }

  /** `undefined` if the subscription ended when room was made for the group. Throws 429. */
  #groupFor(
    subscription: QuerySubscription,
    traits: QueryGroupTraits,
    model: Model,
  ): QueryGroup | undefined {
    const group = this.#deps.queries.group(traits, model, subscription.session.usage);
    if (subscription.progress !== 'ended') return group;
    group.releaseIfEmpty();
    return undefined;
  }

  #reauthorize(subscription: Subscription, model: Model, reason: ReassignmentReason): void {
    if (subscription.kind === 'object') this.#reauthorizeObject(subscription, model, reason);
    else if (subscription.kind === 'query') this.#reauthorizeQuery(subscription, model, reason);
    else this.#reauthorizeCollection(subscription);
  }

  #reauthorizeObject(
    subscription: ObjectSubscription,
    model: Model,
    reason: ReassignmentReason,
  ): void {
    // Which fields were hidden at its revision can be computed only with the old rights, so without
    // knowing them a snapshot has to be sent.
    const isForgotten = subscription.hidden === undefined && (isReload(reason) || mayHide(model));
    if (isForgotten && subscription.catchUpMode === 'revisions')
      subscription.catchUpMode = 'renewed';
    // A replay across versions is always a snapshot.
    if (isReload(reason) && subscription.catchUpMode === 'changes')
      subscription.catchUpMode = 'revisions';
    this.#replay(subscription);
  }

  /** Authorizes again, and replays what the old group may have received meanwhile. */
  #replay(subscription: ObjectSubscription): void {
    if (subscription.progress === 'live') subscription.catchUpMode = 'revisions';
    if (subscription.progress === 'live' || subscription.progress === 'behind')
      this.#deps.objects.begin(subscription);
  }

  #reauthorizeCollection(subscription: CollectionSubscription): void {
    if (subscription.progress === 'waiting') {
      this.#deps.registry.assignGroup(subscription);
      this.#context.inFlight.during(this.#deps.collections.endIfRefused(subscription));
    } else if (mayMissDelivery(subscription)) this.#deps.collections.begin(subscription);
    else if (subscription.progress === 'live') {
      // It has received everything applied so far.
      subscription.pos = Math.max(subscription.pos, subscription.topic.appliedPos);
      this.#deps.collections.beginFromPos(subscription);
    }
  }

  /** Sends the difference to the window of its rights, or all of that if the version changed. */
  #reauthorizeQuery(
    subscription: QuerySubscription,
    model: Model,
    reason: ReassignmentReason,
  ): void {
    const { traits: before } = subscription.group;
    const { pushTarget } = subscription.session;
    const fields = survivingFields(model, before.fields);
    const traits = queryGroupTraitsOf(this.#context, model, { ...before, fields }, pushTarget);
    // After a reload it moves in any case: its group is retired.
    if (!isReload(reason) && traits.key === before.key) return;
    let group: QueryGroup | undefined;
    try {
      assertQueryFits(model, before);
      group = this.#groupFor(subscription, traits, model);
    } catch (error) {
      this.#deps.registry.fail([subscription], error);
    }
    if (!group) return;
    const { rows } = subscription.known;
    const known = reason === 'version' ? asOutdated(rows) : rows;
    subscription.moveTo(group, known, { isAsked: reason === 'auth' });
  }
}

function isReload(reason: ReassignmentReason): boolean {
  return reason === 'model' || reason === 'version';
}

/** True if a delivery of its old group is in flight, or was missed already. */
function mayMissDelivery({ progress, topic }: CollectionSubscription): boolean {
  return progress === 'behind' || (progress === 'live' && topic.backlog !== undefined);
}
