import type { Model, ModelSet } from '../../model/model.js';
import type { LiveContext } from '../live-context.js';
import { schemaUpdatedFrame } from '../push/push-message.js';
import type { QueryFeed } from '../query/query-feed.js';
import type { GroupReassignment } from '../registry/group-reassignment.js';
import { isUnanswered, type LiveSession } from '../registry/live-session.js';
import type { LiveSessions } from '../registry/live-sessions.js';
import { collectionNamesOf, type ModelChange, modelChanges } from './model-change.js';

export interface ModelReloadDeps {
  readonly sessions: LiveSessions;
  readonly reassignment: GroupReassignment;
  readonly queries: QueryFeed;
}

/**
 * Moves subscriptions to the current models and notifies clients of changed ones (rules REL3 to
 * REL5). All of them are invalidated at once; the catch-up of each waits for the limiter (rule
 * LIM43). A reload begins in `app/serve/current-models.ts`.
 */
export class ModelReload {
  readonly #context: LiveContext;
  readonly #deps: ModelReloadDeps;

  constructor(context: LiveContext, deps: ModelReloadDeps) {
    this.#context = context;
    this.#deps = deps;
  }

  /** `before`: the previous models. Returns the collections whose models changed. */
  run(before: ModelSet): ReadonlySet<string> {
    const changes = modelChanges(before, this.#context.models());
    const changed = new Set(changes.keys());
    if (changed.size === 0) return changed;
    // A window that was authorized by an old model must not get new subscribers.
    this.#deps.queries.retire(changed);
    // By list identity: subscriptions of a collection usually share the list.
    const known = new Map<readonly string[], ModelChange | undefined>();
    const changeOf = (names: readonly string[]) => {
      if (!known.has(names)) known.set(names, changes.get(names.join('/')));
      return known.get(names);
    };
    for (const session of this.#deps.sessions.all()) this.#reloadSession(session, changeOf);
    return changed;
  }

  #reloadSession(
    session: LiveSession,
    changeOf: (names: readonly string[]) => ModelChange | undefined,
  ): void {
    const notified = new Set<ModelChange>();
    for (const subscription of session.subscriptions.values()) {
      const change = changeOf(collectionNamesOf(subscription));
      if (!change) continue;
      if (change.after && !isUnanswered(subscription) && !notified.has(change)) {
        notified.add(change);
        this.#pushSchemaUpdated(session, change.after);
      }
      const reason = change.isOtherVersion ? 'version' : 'model';
      this.#deps.reassignment.reauthorize([subscription], reason);
    }
  }

  #pushSchemaUpdated({ pushTarget }: LiveSession, model: Model): void {
    pushTarget.push(schemaUpdatedFrame(model.names));
    this.#context.metrics.pushes.add(1, 'schemaUpdated');
  }
}
