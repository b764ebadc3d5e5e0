import { fail } from '@really/protocol';
import type { Model, ModelSet } from '../model/model.js';
import type { CollectionCatchUp } from './collection-catch-up.js';
import type { CollectionSubscription } from './collection-subscription.js';
import type { LiveContext } from './live-context.js';
import type { Members } from './members.js';
import { collectionNamesOf, keptFields, type ModelChange, modelChanges } from './model-change.js';
import type { ObjectCatchUp } from './object-catch-up.js';
import type { ObjectSubscription } from './object-subscription.js';
import { schemaUpdatedFrame } from './push-message.js';
import type { QueryFeed } from './query-feed.js';
import type { QueryWatch } from './query-watch.js';
import type { Session, Subscription } from './session.js';
import type { Sessions } from './sessions.js';
import { traitsOf } from './subscribing.js';

export interface ReloadingParts {
  readonly sessions: Sessions;
  readonly members: Members;
  readonly objects: ObjectCatchUp;
  readonly collections: CollectionCatchUp;
  readonly queries: QueryWatch;
  readonly queryFeed: QueryFeed;
}

/** Takes subscriptions to the models that are in force now, and tells those whose model is another one (rules REL3 to REL5). */
export class Reloading {
  readonly #context: LiveContext;
  readonly #parts: ReloadingParts;

  constructor(context: LiveContext, parts: ReloadingParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /** `before`: the models that were in force until now. */
  run(before: ModelSet): void {
    const changes = modelChanges(before, this.#context.models());
    if (changes.size === 0) return;
    // Nobody may come to sit in a window that was judged by a model of the past.
    this.#parts.queryFeed.retire(new Set(changes.keys()));
    for (const session of this.#parts.sessions.all()) this.#renewAll(session, changes);
  }

  #renewAll(session: Session, changes: ReadonlyMap<string, ModelChange>): void {
    const told = new Set<ModelChange>();
    for (const one of session.subscriptions.values()) {
      const change = changes.get(collectionNamesOf(one).join('/'));
      if (!change) continue;
      if (change.after && one.progress !== 'waiting' && !told.has(change)) {
        told.add(change);
        this.#tell(session, change.after);
      }
      this.#renew(one, change);
    }
  }

  #tell({ listener }: Session, model: Model): void {
    listener.push(schemaUpdatedFrame(model.names));
    this.#context.metrics.pushes.add(1, 'schemaUpdated');
  }

  #renew(one: Subscription, { after, isOtherVersion }: ModelChange): void {
    one.session.listener.outdate?.(one.key);
    if (!after) this.#parts.members.fail([one], fail('model.unknown'));
    else if (one.kind === 'query') this.#parts.queries.renew(one, after, { isOtherVersion });
    else if (one.kind === 'object') this.#renewObject(one, after);
    else this.#renewCollection(one, after);
  }

  #renewObject(one: ObjectSubscription, model: Model): void {
    const traits = traitsOf(
      this.#context,
      model,
      keptFields(model, one.audience.fields),
      one.session.listener,
    );
    if (traits.key !== one.audience.key) {
      this.#parts.members.move(one, one.topic.audience(traits));
    }
    // What it saw at its revision depends on what was in force then.
    if (one.owed === 'revisions' && one.hidden === undefined) one.owed = 'renewed';
    // A replay of another version is a snapshot, whether anything happened or not.
    if (one.owed === 'changes') one.owed = 'revisions';
    // It is judged anew, and told of what was on its way when the models changed.
    if (one.progress === 'live' || one.progress === 'behind') this.#parts.objects.begin(one);
  }

  #renewCollection(one: CollectionSubscription, model: Model): void {
    const traits = traitsOf(
      this.#context,
      model,
      keptFields(model, one.audience.fields),
      one.session.listener,
    );
    if (traits.key !== one.audience.key) {
      this.#parts.members.move(one, one.topic.audience(traits));
    }
    const isMissingOut = one.progress === 'live' && one.topic.work !== undefined;
    if (isMissingOut || one.progress === 'behind') this.#parts.collections.begin(one);
  }
}
