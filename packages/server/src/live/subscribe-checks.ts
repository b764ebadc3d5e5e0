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

/** Objects as they are stored, by R. */
export type StoredObjectsByR = ReadonlyMap<string, StoredObject | undefined>;

/** One item of a subscribe command on its way to a subscription. */
export interface ItemSubscribeRequest {
  /** Reads and judges what it depends on. Rejects where it is refused. */
  authorize(heads: Promise<StoredObjectsByR>): Promise<AuthorizedItem>;
  /** To be called in the end, whatever came of it. */
  release(): void;
}

export interface AuthorizedItem {
  /** Makes the subscription, or widens the one that is there. Throws where that is refused. */
  register(session: LiveSession): RegisteredItem;
}

/** What the answer says of a subscription. */
export interface RegisteredItem {
  /** Its R. */
  readonly key: string;
  readonly fields: readonly string[];
  readonly view: string;
  /** Lets pushes flow; `undefined` where they flow already. */
  readonly start?: (() => void) | undefined;
}

/** What is to be subscribed to. */
export interface RequestedSubscription extends SubscribeItem {
  /** Of a collection, where an earlier connection has heard of all that was created up to here. */
  readonly after?: Position | undefined;
  /** Of an object that an earlier connection was subscribed to when it dropped: its client knows of it, under that `view`. */
  readonly isKnownToClient?: true | undefined;
}

/** An item of a subscribe command, and where it stands in it. */
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

/** Throws 403, or 404 where the model hides what may not be read, if nobody may ever subscribe to this. */
export function assertSubscribable({ access }: Model): void {
  if (access.read.constant === false) throw fail(access.hidden ? 'object.missing' : 'forbidden');
  if (access.subscribe.constant === false) throw fail('forbidden');
}

/**
 * Throws 403, or 404 where the model hides what may not be read, if this user may not subscribe
 * whatever the object: the rule looks at nothing but the user. Any other rule judges each push.
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

/** The fields asked for, `undefined` for all. Throws 400 with the names that the model does not know. */
export function requestedFields(
  model: Model,
  fields: readonly string[] | undefined,
  path: string,
): readonly string[] | undefined {
  const resolved = resolveFields(model, fields);
  // A copy is as long as it has to be; what a filter made may have room for more.
  if (resolved.ok) return resolved.fields?.slice();
  const unknown = resolved.unknown.map((name) => `field.unknown: ${name}`);
  throw fail('request.invalid', { [path]: unknown });
}

/** The fields of a subscription that has these and is to have those too; the same list where that adds none. */
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

/** The audience that a listener belongs to with these fields. */
export function groupTraitsOf(
  { views }: Pick<LiveContext, 'views'>,
  model: Model,
  fields: readonly string[] | undefined,
  { auth }: PushTarget,
): SubscriberGroupTraits {
  const view = views.of(model, auth);
  return { key: groupKeyOf(fields, view), auth, view, fields };
}
