import type { Model, ModelSet } from '../model/model.js';
import { keptFields, type ModelChange, modelChange } from './model-change.js';
import type { Parked } from './parked.js';
import { asNeverHeard, type LeftBehind } from './query-watch.js';

/** What was parked, as it can go on under the models that are in force now. */
export interface Renewed {
  readonly parked: readonly Parked[];
  /** The collections whose models are others than they were, by their names: the client has to be told. */
  readonly updated: readonly (readonly string[])[];
}

/** Rule REL5. */
export function renewed(parked: readonly Parked[], models: ModelSet): Renewed {
  const updated = new Map<string, readonly string[]>();
  const all = parked.map((one) => {
    if (one.kind === 'last-query' || one.kind === 'ended') return one;
    const { names, key } = one.model;
    const change = modelChange(one.model, models.get(names));
    // Where there is no model any more, subscribing says so.
    if (!change?.after) return one;
    updated.set(key, names);
    return renewedOne(one, change.after, change);
  });
  return { parked: all, updated: [...updated.values()] };
}

function renewedOne(
  one: Extract<Parked, { model: Model }>,
  model: Model,
  { isOtherVersion }: ModelChange,
): Parked {
  if (one.kind === 'item') {
    return { ...one, model, item: { ...one.item, fields: keptFields(model, one.item.fields) } };
  }
  const { request } = one;
  const fields = keptFields(model, request.fields);
  const left = isOtherVersion ? outlived(request.left) : request.left;
  return { ...one, model, request: { ...request, fields, left } };
}

/** What was told, to be told anew: no history crosses a version of a model. */
function outlived(left: LeftBehind | undefined): LeftBehind | undefined {
  return left?.known && { ...left, known: asNeverHeard(left.known), isWhole: false };
}
