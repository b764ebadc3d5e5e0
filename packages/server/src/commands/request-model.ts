import { fail } from '@really/protocol';
import { resolveFields } from '../model/field-sets.js';
import type { Model } from '../model/model.js';
import type { CommandContext } from './services.js';

/** Throws 404 `model.unknown`, also for system names, which have no model. */
export function requestModel(context: CommandContext, names: readonly string[]): Model {
  const model = context.services.models().get(names);
  if (!model) throw fail('model.unknown');
  return model;
}

/** The fields of `cmdOpts.fields`, `undefined` for all. Throws 400 with the unknown names. */
export function requestedFields(
  model: Model,
  asked: readonly string[] | undefined,
): readonly string[] | undefined {
  const resolved = resolveFields(model, asked);
  if (resolved.ok) return resolved.fields;
  throw fail('request.invalid', {
    'cmdOpts.fields': resolved.unknown.map((name) => `field.unknown: ${name}`),
  });
}

/** `meta.fields`: the requested fields that are visible. */
export function visibleFieldNames(
  model: Model,
  fields: readonly string[] | undefined,
  hidden: readonly string[],
): string[] {
  const asked = fields ?? [...model.fields.keys()];
  return hidden.length === 0 ? [...asked] : asked.filter((name) => !hidden.includes(name));
}
