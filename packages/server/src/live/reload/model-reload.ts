import { fail } from '@really/protocol';
import type { Model, ModelSet } from '../../model/model.js';
import type { CollectionCatchUp } from '../collection/collection-catch-up.js';
import type { LiveContext } from '../live-context.js';
import type { ObjectCatchUp } from '../object/object-catch-up.js';
import type { ObjectSubscription } from '../object/object-subscription.js';
import { schemaUpdatedFrame } from '../push/push-message.js';
import type { QueryFeed } from '../query/query-feed.js';
import type { QuerySubscriptions } from '../query/query-subscriptions.js';
import type { LiveSession, Subscription } from '../registry/live-session.js';
import type { LiveSessions } from '../registry/live-sessions.js';
import type { SubscriptionRegistry } from '../registry/subscription-registry.js';
import { collectionNamesOf, type ModelChange, modelChanges } from './model-change.js';

export interface ModelReloadDeps {
  readonly sessions: LiveSessions;
  readonly registry: SubscriptionRegistry;
  readonly objects: ObjectCatchUp;
  readonly collections: CollectionCatchUp;
  readonly queries: QuerySubscriptions;
  readonly queryFeed: QueryFeed;
}

/**
 * Moves subscriptions to the current models and notifies clients of changed ones (rules REL3 to
 * REL5). All of them are invalidated at once; the catch-up of each waits for the limiter (rule
 * LIM43).
 */
export class ModelReload {
  readonly #context: LiveContext;
  readonly #deps: ModelReloadDeps;

  constructor(context: LiveContext, deps: ModelReloadDeps) {
    this.#context = context;
    this.#deps = deps;
  }

  /** `before`: the previous models. */
  run(before: ModelSet): void {
    const changes = modelChanges(before, this.#context.models());
    if (changes.size === 0) return;
    // A window that was authorized by an old model must not get new subscribers.
    this.#deps.queryFeed.retire(new Set(changes.keys()));
    const known = new Changes(changes);
    for (const session of this.#deps.sessions.all()) this.#reloadSession(session, known);
  }

  #reloadSession(session: LiveSession, changes: Changes): void {
    const notified = new Set<ModelChange>();
    for (const subscription of session.subscriptions.values()) {
      const change = changes.of(collectionNamesOf(subscription));
      if (!change) continue;
      if (change.after && subscription.progress !== 'waiting' && !notified.has(change)) {
        notified.add(change);
        this.#pushSchemaUpdated(session, change.after);
      }
      this.#reload(subscription, change);
    }
  }

  #pushSchemaUpdated({ pushTarget }: LiveSession, model: Model): void {
    pushTarget.push(schemaUpdatedFrame(model.names));
    this.#context.metrics.pushes.add(1, 'schemaUpdated');
  }

  #reload(subscription: Subscription, { after, isOtherVersion }: ModelChange): void {
    subscription.session.pushTarget.discardSent?.(subscription.key);
    if (!after) this.#deps.registry.fail([subscription], fail('model.unknown'));
    else if (subscription.kind === 'query')
      this.#deps.queries.changeModel(subscription, after, { isOtherVersion });
    else if (subscription.kind === 'object') this.#reloadObject(subscription);
    else this.#deps.collections.reassign(subscription);
  }

  #reloadObject(subscription: ObjectSubscription): void {
    // The fields hidden at its revision depend on the old model.
    if (subscription.catchUpMode === 'revisions' && subscription.hidden === undefined)
      subscription.catchUpMode = 'renewed';
    // A replay across versions is always a snapshot.
    if (subscription.catchUpMode === 'changes') subscription.catchUpMode = 'revisions';
    // Authorizes again, and replays what was in flight when the models changed.
    if (subscription.progress === 'live' || subscription.progress === 'behind')
      this.#deps.objects.begin(subscription);
  }
}

/**
 * Model changes by the names of the collection, cached by list identity: subscriptions of a
 * collection usually share the list.
 */
class Changes {
  readonly #byKey: ReadonlyMap<string, ModelChange>;
  readonly #byNames = new Map<readonly string[], ModelChange | undefined>();

  constructor(byKey: ReadonlyMap<string, ModelChange>) {
    this.#byKey = byKey;
  }

  of(names: readonly string[]): ModelChange | undefined {
    const known = this.#byNames.get(names);
    if (known || this.#byNames.has(names)) return known;
    const change = this.#byKey.get(names.join('/'));
    this.#byNames.set(names, change);
    return change;
  }
}
