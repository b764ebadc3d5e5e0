import { fail, type SubscribeItem } from '@really/protocol';
import { resolveFields } from '../model/field-sets.js';
import type { Model } from '../model/model.js';
import { demandOfAnyObject } from '../model/rules/access.js';
import type { StoredObject } from '../store/store.js';
import { type LiveContext, modelOf } from './live-context.js';
import type { Position } from './position.js';
import type { PushTarget } from './push-target.js';
import type { LiveSession } from './registry/live-session.js';
import { groupKeyOf, type SubscriberGroupTraits } from './registry/subscriber-group.js';

/** Stored objects by R. */
export type StoredObjectsByR = ReadonlyMap<string, StoredObject | undefined>;

/** An item of a subscribe command, before it is registered. */
export interface ItemSubscribeRequest {
  /** Authorizes the item. Rejects if it is refused. */
  authorize(heads: Promise<StoredObjectsByR>): Promise<AuthorizedItem>;
  /** Call at the end in any case. */
  release(): void;
}

export interface AuthorizedItem {
  /** Creates the subscription or widens the existing one. Throws if that is refused. */
  register(session: LiveSession): RegisteredItem;
}

/** What the response reports of a subscription. */
export interface RegisteredItem {
  /** Its R. */
  readonly key: string;
  readonly fields: readonly string[];
  readonly view: string;
  /** Starts pushes; `undefined` if they have started already. */
  readonly start?: (() => void) | undefined;
}

/** What a client wants to subscribe to. */
export interface RequestedSubscription extends SubscribeItem {
  /**
   * For a collection on resume: the position up to which an earlier connection received creations.
   */
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
export function assertSubscribable({ access }: Model): void {
  if (access.read.constant === false) throw fail(access.hidden ? 'object.missing' : 'forbidden');
  if (access.subscribe.constant === false) throw fail('forbidden');
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
    throw hidden ? fail('object.missing') : refusal;
  }
  await demandOfAnyObject(subscribe, { auth, r });
}

/** The requested fields, `undefined` for all. Throws 400 with the unknown names. */
export function requestedFields(
  model: Model,
  fields: readonly string[] | undefined,
  path: string,
): readonly string[] | undefined {
  const resolved = resolveFields(model, fields);
  // `slice` trims the spare capacity of a filtered array.
  if (resolved.ok) return resolved.fields?.slice();
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

/** The subscriber group that a connection with these fields belongs to. */
export function groupTraitsOf(
  { views }: Pick<LiveContext, 'views'>,
  model: Model,
  fields: readonly string[] | undefined,
  { auth }: PushTarget,
): SubscriberGroupTraits {
  const view = views.of(model, auth);
  return { key: groupKeyOf(fields, view), auth, view, fields };
}
