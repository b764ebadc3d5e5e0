import type { ModelSet } from '../../model/model.js';
import type { LiveContext } from '../live-context.js';
import { schemaUpdatedFrame } from '../push/push-message.js';
import type { QueryFeed } from '../query/query-feed.js';
import type { GroupReassignment } from '../registry/group-reassignment.js';
import { isUnanswered, type LiveSession } from '../registry/live-session.js';
import type { LiveSessions } from '../registry/live-sessions.js';
import { collectionNamesOf, type ModelChange, modelChange } from './model-change.js';

interface ModelReloadDeps {
  readonly sessions: LiveSessions;
  readonly reassignment: GroupReassignment;
  readonly queries: QueryFeed;
}

/**
 * Moves subscriptions to the current models and notifies clients of changed ones (rules REL3 to
 * REL5). All of them are invalidated at once; the catch-up of each waits for the limiter (rule
 * LIM43). A reload begins in `app/serve/current-models.ts`. `before`: the previous models. Returns
 * the collections whose models changed.
 */
export function reloadModels(
  context: LiveContext,
  deps: ModelReloadDeps,
  before: ModelSet,
): ReadonlySet<string> {
  const changes = new Map<string, ModelChange>();
  const models = context.models();
  for (const model of before.all()) {
    const change = modelChange(model, models.get(model.names));
    if (change) changes.set(model.key, change);
  }
  const changed = new Set(changes.keys());
  if (changed.size === 0) return changed;
  // A window that was authorized by an old model must not get new subscribers.
  deps.queries.retire(changed);
  // By list identity: subscriptions of a collection usually share the list.
  const known = new Map<readonly string[], ModelChange | undefined>();
  const changeOf = (names: readonly string[]) => {
    if (!known.has(names)) known.set(names, changes.get(names.join('/')));
    return known.get(names);
  };
  for (const session of deps.sessions.all()) reloadSession(context, deps, session, changeOf);
  return changed;
}

function reloadSession(
  { metrics }: LiveContext,
  { reassignment }: ModelReloadDeps,
  { pushTarget, subscriptions }: LiveSession,
  changeOf: (names: readonly string[]) => ModelChange | undefined,
): void {
  const notified = new Set<ModelChange>();
  for (const subscription of subscriptions.values()) {
    const change = changeOf(collectionNamesOf(subscription));
    if (!change) continue;
    if (change.after && !isUnanswered(subscription) && !notified.has(change)) {
      notified.add(change);
      pushTarget.push(schemaUpdatedFrame(change.after.names));
      metrics.pushes.add(1, 'schemaUpdated');
    }
    reassignment.reauthorize([subscription], change.isOtherVersion ? 'version' : 'model');
  }
}
