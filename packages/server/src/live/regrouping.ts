import type { Model } from '../model/model.js';
import type { CollectionCatchUp } from './collection-catch-up.js';
import type { CollectionSubscription } from './collection-subscription.js';
import { type LiveContext, modelOf } from './live-context.js';
import type { Members } from './members.js';
import { collectionNamesOf, viewOf } from './model-change.js';
import type { ObjectCatchUp } from './object-catch-up.js';
import type { ObjectSubscription } from './object-subscription.js';
import type { QueryWatch } from './query-watch.js';
import type { Subscription } from './session.js';
import { traitsOf } from './subscribing.js';

/** Those whose fields can be others. */
type Grouped = Exclude<Subscription, { kind: 'query' }>;

/** Moves subscriptions whose fields or rights are others now to the audience where they belong. */
export class Regrouping {
  readonly #context: LiveContext;
  readonly #members: Members;
  readonly #objects: ObjectCatchUp;
  readonly #collections: CollectionCatchUp;
  readonly #queries: QueryWatch;

  constructor(
    context: LiveContext,
    parts: {
      members: Members;
      objects: ObjectCatchUp;
      collections: CollectionCatchUp;
      queries: QueryWatch;
    },
  ) {
    this.#context = context;
    this.#members = parts.members;
    this.#objects = parts.objects;
    this.#collections = parts.collections;
    this.#queries = parts.queries;
  }

  /** What is on the way to it in its old audience stops, and is read again for the new one. */
  move(one: Grouped, fields: readonly string[] | undefined): void {
    if (one.kind === 'object') this.#moveObject(one, fields);
    else this.#moveCollection(one, fields);
  }

  /**
   * Its listener has another `auth` now. From here on nothing is told to it by the earlier one; where it belongs now it goes when it is
   * its turn, since there may be ten thousand (rule LIM43). True where its rights are others.
   */
  reauthorize(one: Subscription): boolean {
    const model = modelOf(this.#context, collectionNamesOf(one));
    const { auth } = one.session.listener;
    if (model && this.#context.views.of(model, auth) === viewOf(one)) return false;
    one.session.listener.outdate?.(one.key);
    if (one.kind === 'query') this.#queries.reauthorize(one);
    else if (model && one.kind === 'object') this.#reauthorizeObject(one, model);
    else if (model && one.kind === 'collection') this.#collections.reseat(one);
    return true;
  }

  /** It is judged anew, and told of what its old audience may have heard meanwhile. */
  #reauthorizeObject(one: ObjectSubscription, model: Model): void {
    forgetEarlierSight(one, model);
    if (one.progress === 'live') one.owed = 'revisions';
    if (one.progress === 'live' || one.progress === 'behind') this.#objects.begin(one);
  }

  #moveObject(one: ObjectSubscription, fields: readonly string[] | undefined): void {
    const model = modelOf(this.#context, one.topic.names);
    // Where the model is gone, the next push tells.
    const traits = model && traitsOf(this.#context, model, fields, one.session.listener);
    if (!traits || traits.key === one.audience.key) return;
    this.#members.move(one, one.topic.audience(traits));
    if (one.progress === 'live') one.owed = 'revisions';
    // It is judged anew, and told of what its old audience may have heard meanwhile.
    if (one.progress === 'live' || one.progress === 'behind') this.#objects.begin(one);
  }

  #moveCollection(one: CollectionSubscription, fields: readonly string[] | undefined): void {
    const model = modelOf(this.#context, one.topic.scope.names);
    const traits = model && traitsOf(this.#context, model, fields, one.session.listener);
    if (!traits || traits.key === one.audience.key) return;
    this.#members.move(one, one.topic.audience(traits));
    const isMissingOut = one.progress === 'live' && one.topic.work !== undefined;
    if (isMissingOut || one.progress === 'behind') this.#collections.begin(one);
  }
}

/**
 * What it saw at its revision can be found out only under the `auth` that it had then. So where that
 * has not been done yet, a snapshot has to stand for everything.
 */
function forgetEarlierSight(one: ObjectSubscription, { hooks }: Model): void {
  const isForgotten = one.hidden === undefined && hooks.preGet !== undefined;
  if (isForgotten && one.owed === 'revisions') one.owed = 'renewed';
}
