import { type Auth, fail, type ProtocolError } from '@really/protocol';
import type { StoredObject } from '../store/stored-object.js';
import { hasAllRights } from './authority.js';
import type { Model, Rule } from './model.js';
import { demandOfAnyObject } from './rules/access.js';

/** The remaining data of a deleted object. */
export type Tombstone = Pick<StoredObject, 'r' | 'rev'>;

/**
 * Whether this user may see of a deleted object what its last state would have allowed (rule DEL5). Only its address
 * and revision are left: a rule that uses anything else cannot be evaluated any more, and refuses.
 */
export async function isLastSeen(
  model: Model,
  tombstone: Tombstone,
  auth: Auth,
  rules: readonly Rule[] = [model.access.read],
): Promise<boolean> {
  if (hasAllRights(auth)) return true;
  if (model.hooks.preGet?.mayCancel) return false;
  const { r, rev } = tombstone;
  const scope = { auth, obj: { _r: r, _rev: rev - 1 }, r };
  for (const rule of rules) {
    if (rule.constant === true) continue;
    if (!rule.decidesDeleted || (await rule.decide(scope)) !== 'allowed') return false;
  }
  return true;
}

/**
 * The error for a deleted object. If the model hides what may not be read, a user who may not know of the deletion
 * gets the error of an object that never existed. Otherwise a 403 reveals that there is an object, so that there was
 * one is not secret.
 */
export async function goneError(
  model: Model,
  tombstone: Tombstone,
  auth: Auth,
): Promise<ProtocolError> {
  const isTold = !model.access.hidden || (await isLastSeen(model, tombstone, auth));
  return fail(isTold ? 'object.gone' : 'object.missing');
}

/**
 * Throws the error of a subscription to a missing object, or to a deleted one that may not be revealed: 403 if the
 * user lacks a right whatever the object, unless the model hides; otherwise 404 or 410.
 */
export async function refuseAbsent(
  model: Model,
  absent: { readonly tombstone: Tombstone | undefined; readonly r: string },
  auth: Auth,
): Promise<never> {
  const { read, subscribe, hidden } = model.access;
  const { tombstone, r } = absent;
  if (!hidden) {
    await demandOfAnyObject(read, { auth, r });
    await demandOfAnyObject(subscribe, { auth, r });
  }
  throw tombstone ? await goneError(model, tombstone, auth) : fail('object.missing');
}
