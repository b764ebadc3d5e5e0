import { type Auth, fail, type ProtocolError } from '@really/protocol';
import type { StoredObject } from '../store/store.js';
import type { Model, Rule } from './model.js';
import { demandOfAnyObject } from './rules/access.js';

/** What is left of a deleted object. */
export type Tombstone = Pick<StoredObject, 'r' | 'rev'>;

/**
 * Whether this user may be told of a deleted object what its last state would have let the user see (rule DEL5). Of that state
 * the address and the revision are left: a rule that looks at anything else cannot be judged any more, and is then a no.
 */
export async function isLastSeen(
  model: Model,
  tombstone: Tombstone,
  auth: Auth,
  rules: readonly Rule[] = [model.access.read],
): Promise<boolean> {
  if (model.hooks.preGet?.mayCancel) return false;
  const { r, rev } = tombstone;
  const scope = { auth, obj: { _r: r, _rev: rev - 1 }, r };
  for (const rule of rules) {
    if (rule.constant === true) continue;
    if (!rule.decidesDeleted || !(await rule.allows(scope))) return false;
  }
  return true;
}

/**
 * What is told of a deleted object. Where the model hides what may not be read, who may not know of the deletion is told
 * what is told of an object that never was. Elsewhere a 403 tells that there is an object, so that there was one is no secret.
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
 * Throws what a subscriber is told of an object that is not there, or of a deleted one of which there is nothing to tell: 403
 * where the user lacks a right whatever the object, unless the model hides; else 404 or 410.
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
