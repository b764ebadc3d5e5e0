import { fail, type JsonObject, parseR } from '@really/protocol';
import { goneError } from '../model/deleted.js';
import type { Model } from '../model/model.js';
import { demand, demandOfAnyObject } from '../model/rules/access.js';
import { scriptObject, view } from '../model/view/view.js';
import type { ReadObjects } from '../objects/write-request.js';
import type { StoredObject } from '../store/store.js';
import type { CommandContext } from './services.js';

export interface ObjectAccess {
  readonly r: string;
  readonly right: 'read' | 'update' | 'delete';
}

/**
 * The object. Throws 404 `object.missing` or 410 `object.gone`; but always 403 for a user who lacks
 * the right, unless the model hides unreadable objects.
 */
export async function existingObject(
  context: CommandContext,
  model: Model,
  head: StoredObject | undefined,
  { r, right }: ObjectAccess,
): Promise<StoredObject> {
  if (head && !head.deleted) return head;
  const { access } = model;
  if (!access.hidden) await demandOfAnyObject(access[right], { auth: context.auth, r });
  if (!head) throw fail('object.missing');
  throw await goneError(model, head, context.auth);
}

export interface ObjectDemand {
  readonly right: 'update' | 'delete';
  readonly input?: JsonObject | undefined;
}

/**
 * Throws where the user lacks a right on an object: 403, or 404 where the model hides unreadable
 * objects.
 */
export async function authorizeObject(
  context: CommandContext,
  model: Model,
  object: StoredObject,
  { right, input }: ObjectDemand,
): Promise<void> {
  const { auth } = context;
  try {
    await demand(model.access[right], { auth, obj: scriptObject(object), input, r: object.r });
  } catch (refusal) {
    if (await isHidden(context, model, object)) throw fail('object.missing');
    throw refusal;
  }
}

/** The objects that this user cannot refer to: missing, deleted or hidden. */
export async function missingObjects(
  context: CommandContext,
  rs: readonly string[],
  readObjects: ReadObjects,
): Promise<ReadonlySet<string>> {
  const missing = new Set<string>();
  const wanted = [...new Set(rs)].map((r) => ({ r, model: modelOfObject(context, r) }));
  const objects = await readObjects(wanted.map(({ r }) => r));
  await Promise.all(
    wanted.map(async ({ r, model }, index) => {
      const object = objects[index];
      const there = model && object && !object.deleted;
      if (!there || (await isHidden(context, model, object))) missing.add(r);
    }),
  );
  return missing;
}

export function modelOfObject(context: CommandContext, r: string): Model | undefined {
  const parsed = parseR(r);
  return parsed && context.services.models().get(parsed.names);
}

async function isHidden(
  context: CommandContext,
  model: Model,
  object: StoredObject,
): Promise<boolean> {
  if (!model.access.hidden) return false;
  return (await view(model, object, context.auth)).kind === 'refused';
}
