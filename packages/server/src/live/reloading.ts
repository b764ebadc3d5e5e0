import { fail } from '@really/protocol';
import type { Model, ModelSet } from '../model/model.js';
import type { CollectionCatchUp } from './collection-catch-up.js';
import type { LiveContext } from './live-context.js';
import type { Members } from './members.js';
import { collectionNamesOf, type ModelChange, modelChanges } from './model-change.js';
import type { ObjectCatchUp } from './object-catch-up.js';
import type { ObjectSubscription } from './object-subscription.js';
import { schemaUpdatedFrame } from './push-message.js';
import type { QueryFeed } from './query-feed.js';
import type { QueryWatch } from './query-watch.js';
import type { Session, Subscription } from './session.js';
import type { Sessions } from './sessions.js';

export interface ReloadingParts {
  readonly sessions: Sessions;
  readonly members: Members;
  readonly objects: ObjectCatchUp;
  readonly collections: CollectionCatchUp;
  readonly queries: QueryWatch;
  readonly queryFeed: QueryFeed;
}

/**
 * Takes subscriptions to the models that are in force now, and tells those whose model is another one (rules REL3 to REL5). All of them
 * are taken from their audiences' past at once; what that means for each is found out when it is its turn (rule LIM43).
 */
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
    const known = new Changes(changes);
    for (const session of this.#parts.sessions.all()) this.#renewAll(session, known);
  }

  #renewAll(session: Session, changes: Changes): void {
    const told = new Set<ModelChange>();
    for (const one of session.subscriptions.values()) {
      const change = changes.of(collectionNamesOf(one));
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
    else if (one.kind === 'object') this.#renewObject(one);
    else this.#parts.collections.reseat(one);
  }

  #renewObject(one: ObjectSubscription): void {
    // What it saw at its revision depends on what was in force then.
    if (one.owed === 'revisions' && one.hidden === undefined) one.owed = 'renewed';
    // A replay of another version is a snapshot, whether anything happened or not.
    if (one.owed === 'changes') one.owed = 'revisions';
    // It is judged anew, and told of what was on its way when the models changed.
    if (one.progress === 'live' || one.progress === 'behind') this.#parts.objects.begin(one);
  }
}

/** Changes of models by the names of the collection. Mostly all subscriptions to one have the same list of them. */
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
