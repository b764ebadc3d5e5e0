import type { Model, ModelSet } from '../../model/model.js';
import type { Subscription } from '../registry/live-session.js';

/** What became of a collection's model. */
export interface ModelChange {
  /** `undefined` where the collection has none any more. */
  readonly after: Model | undefined;
  /** Whether objects of the one and the other may differ: what was told under one says nothing under the other. */
  readonly isOtherVersion: boolean;
}

/** The models that are others now, by their keys. */
export function modelChanges(before: ModelSet, now: ModelSet): Map<string, ModelChange> {
  const changes = new Map<string, ModelChange>();
  for (const model of before.all()) {
    const change = modelChange(model, now.get(model.names));
    if (change) changes.set(model.key, change);
  }
  return changes;
}

/** `undefined` where the two say the same. */
export function modelChange(before: Model, after: Model | undefined): ModelChange | undefined {
  if (after?.digest === before.digest) return undefined;
  return { after, isOtherVersion: after?.version !== before.version };
}

/** The fields of these that the model still has. */
export function survivingFields(
  model: Model,
  fields: readonly string[] | undefined,
): readonly string[] | undefined {
  const isKept = fields?.every((name) => model.fields.has(name)) ?? true;
  return isKept ? fields : fields?.filter((name) => model.fields.has(name));
}

/** `['users', 'posts']` for an object or a query of the posts of users. */
/** That it is judged under now. */
export function viewOf(subscription: Subscription): string {
  return subscription.kind === 'query' ? subscription.group.traits.view : subscription.group.view;
}

export function collectionNamesOf(subscription: Subscription): readonly string[] {
  if (subscription.kind === 'object') return subscription.topic.names;
  return subscription.kind === 'query'
    ? subscription.group.traits.scope.names
    : subscription.topic.scope.names;
}
