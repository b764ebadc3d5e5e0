import { fail, type JsonObject, parseR } from '@really/protocol';
import { goneError } from '../model/deleted.js';
import type { LookupFinder } from '../model/lookups/lookup.js';
import type { Model } from '../model/model.js';
import { demand, demandOfAnyObject, isGranted } from '../model/rules/access.js';
import { demandFields, type FieldWrite } from '../model/rules/field-rules.js';
import { becauseOf } from '../model/rules/rule-refusal.js';
import { pushLookups, scriptObject, view } from '../model/view/view.js';
import type { StoredObject } from '../store/stored-object.js';
import type { CommandContext } from './services.js';

export interface ObjectAccess {
  readonly r: string;
  readonly right: 'read' | 'update' | 'delete';
  /** Where lookups are found; by default as committed. */
  readonly finder?: LookupFinder | undefined;
}

/**
 * The object: at once where there is one. Rejects with 404 `object.missing` or 410 `object.gone`; but
 * always with 403 for a user who lacks the right, unless the model hides unreadable objects.
 */
export function existingObject(
  context: CommandContext,
  model: Model,
  head: StoredObject | undefined,
  access: ObjectAccess,
): StoredObject | Promise<never> {
  return head && !head.deleted ? head : refuseMissing(context, model, head, access);
}

async function refuseMissing(
  context: CommandContext,
  model: Model,
  head: StoredObject | undefined,
  { r, right, finder }: ObjectAccess,
): Promise<never> {
  const { access } = model;
  if (!access.hidden) {
    await demandOfAnyObject(access[right], { auth: context.auth, r, finder });
  }
  if (!head) throw fail('object.missing');
  throw await goneError(model, head, context.auth);
}

export interface ObjectDemand {
  readonly right: 'update' | 'delete';
  readonly input?: JsonObject | undefined;
  /** The fields that it writes. */
  readonly fields?: readonly FieldWrite[] | undefined;
  readonly finder: LookupFinder;
}

/** Rejects with 403, or 404 where the model hides what may not be read. `undefined` where no rule has to be asked. */
export function authorizeObject(
  context: CommandContext,
  model: Model,
  object: StoredObject,
  asked: ObjectDemand,
): Promise<void> | undefined {
  const isFree = !asked.fields?.length && isGranted(model.access[asked.right], context.auth);
  return isFree ? undefined : askRules(context, model, object, asked);
}

async function askRules(
  context: CommandContext,
  model: Model,
  object: StoredObject,
  { right, input, fields = [], finder }: ObjectDemand,
): Promise<void> {
  const { auth } = context;
  const obj = scriptObject(object);
  try {
    const scope = { auth, obj, input, r: object.r, finder };
    await demand(model.access[right], scope);
    if (fields.length > 0) await demandFields(fields, scope);
  } catch (refusal) {
    if (await isHidden(context, model, object, finder)) {
      throw becauseOf(fail('object.missing'), refusal);
    }
    throw refusal;
  }
}

/**
 * Call between reading objects of these models and judging who may see them: the store may show a commit a moment
 * before it is answered, and before lookups see what else was in it, such as the end of a membership.
 */
export async function lookupsSettled(
  { services }: CommandContext,
  models: readonly (Model | undefined)[],
): Promise<void> {
  const lookUp = models.some((model) => model && pushLookups(model).length > 0);
  if (lookUp) await services.objects.published();
}

export function modelOfObject(context: CommandContext, r: string): Model | undefined {
  const parsed = parseR(r);
  return parsed && context.services.models().get(parsed.names);
}

/** Whether the model hides unreadable objects, and this one is for this user. */
export async function isHidden(
  context: CommandContext,
  model: Model,
  object: StoredObject,
  finder: LookupFinder,
): Promise<boolean> {
  if (!model.access.hidden) return false;
  return (await view(model, object, context.auth, { read: finder.read })).kind === 'refused';
}
