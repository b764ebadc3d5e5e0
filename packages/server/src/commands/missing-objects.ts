import { fail } from '@really/protocol';
import { batchedLookups } from '../model/lookups/batched-lookups.js';
import type { LookupFinder } from '../model/lookups/lookup.js';
import type { Model } from '../model/model.js';
import { estimateBytes, newReferenceBytes } from '../objects/estimate-bytes.js';
import type { AreLiving, ReadObjects } from '../objects/write-request.js';
import { readBytes } from '../platform/limits.js';
import { ownerOf } from '../queries/owner.js';
import { isHidden, modelOfObject } from './existing-object.js';
import { type CommandContext, chargeFor, requesterOf } from './services.js';

/** Looked for in one step: it takes half a millisecond. */
const portionSize = 100;

/** References that are looked for at once, however long the tick takes: what most writes have. */
const few = 8;

/** How a write that is being prepared sees other objects. */
export interface OtherObjectReads {
  readonly readObjects: ReadObjects;
  readonly areLiving: AreLiving;
}

/**
 * The objects that this user cannot refer to: missing, deleted or hidden. Only those that may be
 * hidden are loaded. Others have their turn in between (rule LIM49).
 */
export async function missingObjects(
  context: CommandContext,
  rs: readonly string[],
  others: OtherObjectReads,
): Promise<ReadonlySet<string>> {
  const wanted = [...new Set(rs)];
  void chargeFor(context, 2 * newReferenceBytes * wanted.length);
  const missing = new Set<string>();
  const mayBeHidden = new Map<string, Model>();
  for (let index = 0; index < wanted.length; index += portionSize) {
    if (wanted.length > few) await timeFor(context);
    const living: string[] = [];
    for (const r of wanted.slice(index, index + portionSize)) {
      const model = modelOfObject(context, r);
      if (!model) missing.add(r);
      else if (model.access.hidden) mayBeHidden.set(r, model);
      else living.push(r);
    }
    if (living.length === 0) continue;
    const isLiving = await others.areLiving(living);
    for (const [at, r] of living.entries()) if (!isLiving[at]) missing.add(r);
  }
  if (mayBeHidden.size > 0) await addHidden(context, mayBeHidden, others, missing);
  return missing;
}

/** Loads one object after the other, because each may be a megabyte. */
async function addHidden(
  context: CommandContext,
  wanted: ReadonlyMap<string, Model>,
  { readObjects }: OtherObjectReads,
  missing: Set<string>,
): Promise<void> {
  const finder: LookupFinder = { read: batchedLookups(readObjects) };
  let left = readBytes(context.services.limits);
  for (const [r, model] of wanted) {
    await timeFor(context);
    const [object] = await readObjects([r]);
    const bytes = estimateBytes(object?.data);
    void chargeFor(context, bytes);
    left -= bytes;
    if (left < 0) throw fail('validation.failed', { body: ['references.too.large'] });
    const isThere = object !== undefined && !object.deleted;
    if (!isThere || (await isHidden(context, model, object, finder))) missing.add(r);
  }
}

function timeFor(context: CommandContext): Promise<void> | undefined {
  return context.services.objects.timeFor(ownerOf(requesterOf(context)));
}
