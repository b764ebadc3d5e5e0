import type { Model } from '../../model/model.js';
import type { CommandContext } from '../services.js';

/**
 * Resolves when unique fields can be checked: once every object of the collection has its values in
 * this version of the model (rule MIG5). Rejects with `StoreUnavailable` where that takes too long.
 * `undefined` where there is nothing to wait for.
 */
export function uniqueFieldsSettled(
  { services }: CommandContext,
  model: Model,
): Promise<void> | undefined {
  if (!model.layout.indexes.some(({ unique }) => unique)) return undefined;
  return services.migrations?.settled(model, services.limits.queryTime);
}
