import { type Auth, fail, fieldsOfRql, type SubscribeItem } from '@really/protocol';
import { hasAllRights } from '../model/authority.js';
import { resolveFields } from '../model/field-sets.js';
import type { Model } from '../model/model.js';
import { demandOfAnyObject } from '../model/rules/access.js';
import { becauseOf, refusedBy } from '../model/rules/rule-refusal.js';
import { isKnownPath } from '../queries/filter.js';
import type { StoredObject } from '../store/stored-object.js';
import { type LiveContext, modelOf } from './live-context.js';
import type { Position } from './position.js';
import { isSameList } from './push/visibility.js';
import type { PushTarget } from './push-target.js';
import type { QueryGroupTraits } from './query/query-group-traits.js';

/** The committed object of this R. Throws if the objects could not be read. */
export type HeadOf = (r: string) => StoredObject | undefined;

/** An item of a subscribe command, before it is registered. */
export interface ItemSubscribeRequest {
  /** Authorizes the item, at once if possible. Throws or rejects if it is refused. */
  authorize(headOf: HeadOf): RegisterItem | Promise<RegisterItem>;
  /** Call at the end in any case. */
  release(): void;
}

/** Creates the subscription or widens the existing one. Throws if that is refused. */
export type RegisterItem = () => RegisteredItem;

/** What the response reports of a subscription. */
export interface SubscribedItem {
  readonly r: string;
  readonly fields: readonly string[];
  readonly view: string;
}

export interface RegisteredItem extends SubscribedItem {
  /** Starts pushes; `undefined` if they have started already. */
  readonly start?: (() => void) | undefined;
}

/** What a client wants to subscribe to. */
export interface RequestedSubscription extends SubscribeItem {
  /** For a collection on resume: up to where an earlier connection received creations. */
  readonly after?: Position | undefined;
  /** For an object on resume: the client knew it on the earlier connection, under `view`. */
  readonly isKnownToClient?: true | undefined;
}

/** An item of a subscribe command and its index there. */
export interface SubscribeRequestItem {
  readonly item: RequestedSubscription;
  readonly index: number;
}

/** Throws 404 `model.unknown`. */
export function requireModel(context: LiveContext, names: readonly string[]): Model {
  const model = modelOf(context, names);
  if (!model) throw fail('model.unknown');
  return model;
}

/** Throws 403, or 404 if the model hides unreadable objects, when nobody may subscribe. */
export function assertSubscribable({ access }: Model, auth: Auth): void {
  if (hasAllRights(auth)) return;
  const { read, subscribe, hidden } = access;
  if (read.constant === false) throw refusedBy([read], hidden ? 'object.missing' : 'forbidden');
  if (subscribe.constant === false) throw refusedBy([subscribe]);
}

/**
 * Throws 403, or 404 if the model hides unreadable objects, when the rule depends only on the user
 * and refuses this one. Other rules are evaluated for each push.
 */
export async function authorizeCollection(
  { access }: Model,
  { auth }: PushTarget,
  r: string,
): Promise<void> {
  const { read, subscribe, hidden } = access;
  try {
    await demandOfAnyObject(read, { auth, r });
  } catch (refusal) {
    throw hidden ? becauseOf(fail('object.missing'), refusal) : refusal;
  }
  await demandOfAnyObject(subscribe, { auth, r });
}

/**
 * The last list of fields of each model, as requested and resolved: the items of a request mostly
 * have the same, and their subscriptions share it.
 */
const lastResolved = new WeakMap<
  Model,
  { readonly requested: readonly string[]; readonly fields: readonly string[] | undefined }
>();

/** The requested fields, `undefined` for all. Throws 400 with the unknown names. */
export function requestedFields(
  model: Model,
  fields: readonly string[] | undefined,
  path: string,
): readonly string[] | undefined {
  if (fields === undefined) return undefined;
  const last = lastResolved.get(model);
  if (last && isSameList(last.requested, fields)) return last.fields;
  const resolved = resolveFields(model, fields);
  if (resolved.ok) {
    // `slice` trims the spare capacity of a filtered array.
    const shared = resolved.fields?.slice();
    if (fields.length <= model.fields.size) {
      lastResolved.set(model, { requested: fields, fields: shared });
    }
    return shared;
  }
  const unknown = resolved.unknown.map((name) => `field.unknown: ${name}`);
  throw fail('request.invalid', { [path]: unknown });
}

/** The union of the two field lists; the same list object if nothing is added. */
export function widenFields(
  model: Model,
  now: readonly string[] | undefined,
  more: readonly string[] | undefined,
): readonly string[] | undefined {
  if (now === undefined) return now;
  const all = more === undefined ? undefined : resolveFields(model, [...now, ...more]);
  const fields = all?.ok ? all.fields : undefined;
  return (fields?.length ?? model.fields.size) > now.length ? fields : now;
}

/** Throws 409 `query.invalid` if the model does not have, or no longer has, a field of the query. */
export function assertQueryFits(
  model: Model,
  { filter, order }: Pick<QueryGroupTraits, 'order'> & Partial<Pick<QueryGroupTraits, 'filter'>>,
): void {
  const paths = [
    ...(filter ? fieldsOfRql(filter) : []),
    ...order.keys.map(({ field }) => field.split('.')),
  ];
  for (const path of paths) {
    if (!isKnownPath(model, path)) {
      throw fail('query.invalid', { query: [`the model has no field ${path.join('.')}`] });
    }
  }
}
