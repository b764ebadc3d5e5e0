import type { Model } from '../../model/model.js';
import type { Subscription } from '../registry/live-session.js';

/** How the model of a collection changed. */
export interface ModelChange {
  /** `undefined` if the model was removed. */
  readonly after: Model | undefined;
  /** Whether the version changed: revisions of different versions cannot be compared. */
  readonly isOtherVersion: boolean;
}

/** `undefined` if nothing changed. */
export function modelChange(before: Model, after: Model | undefined): ModelChange | undefined {
  if (after?.digest === before.digest) return undefined;
  return { after, isOtherVersion: after?.version !== before.version };
}

/** Those of the fields that the model still has. */
export function survivingFields(
  model: Model,
  fields: readonly string[] | undefined,
): readonly string[] | undefined {
  const isKept = fields?.every((name) => model.fields.has(name)) ?? true;
  return isKept ? fields : fields?.filter((name) => model.fields.has(name));
}

/** The view that it is authorized under now. */
export function viewOf(subscription: Subscription): string {
  return subscription.kind === 'query' ? subscription.group.traits.view : subscription.group.view;
}

/** What is about one object. */
interface ObjectTopicHolder {
  readonly kind: 'object';
  readonly topic: { readonly names: readonly string[] };
}

/** `['users', 'posts']` for an object or a query of the posts of users. */
export function collectionNamesOf(
  subscription: Subscription | ObjectTopicHolder,
): readonly string[] {
  if (subscription.kind === 'object') return subscription.topic.names;
  return subscription.kind === 'query'
    ? subscription.group.traits.scope.names
    : subscription.topic.scope.names;
}
