import { deepEqual, isJsonObject, type JsonObject, type JsonValue } from '@really/protocol';
import { instantText } from '../platform/instant-text.js';
import type { CalculatedField, Model, ScriptResult } from './model.js';
import { nowKey, ownerKey, thisKey } from './script/expression.js';
import { storedPlain } from './validation/check-types.js';
import { reportFailure } from './validation/run-checks.js';

export interface Calculated {
  readonly data: JsonObject;
  /** The calculated fields whose value changed. */
  readonly changed: string[];
}

/**
 * Recalculates fields: those that depend on a touched field, then those that depend on a field changed by that. A
 * field is unset if its expression returns nothing, returns a value of another type, or throws; the latter two are
 * logged. Throws `ProtocolError` 500 if an expression was stopped, 429 if it did not run.
 */
export async function calculate(
  model: Model,
  data: JsonObject,
  touched: readonly string[] | 'all',
  options: { readonly now?: number | undefined; readonly owner?: string | undefined } = {},
): Promise<Calculated> {
  if (model.calculated.length === 0) return { data, changed: [] };
  const { owner } = options;
  const now = options.now === undefined ? undefined : instantText(options.now);
  const stale = touched === 'all' ? undefined : new Set(touched);
  const changed: string[] = [];
  let current = data;
  for (const field of model.calculated) {
    if (stale !== undefined && !field.dependsOn.some((name) => stale.has(name))) continue;
    const scope: Record<string, JsonValue | undefined> = { [thisKey]: current };
    for (const name of field.dependsOn) scope[name] = current[name];
    if (now !== undefined) scope[nowKey] = now;
    if (owner !== undefined) scope[ownerKey] = owner;
    const run = field.value.run(scope);
    const value = calculatedValue(model, field, run instanceof Promise ? await run : run);
    if (deepEqual(value, current[field.name])) continue;
    current = replaced(current, field.name, value);
    changed.push(field.name);
    stale?.add(field.name);
  }
  return { data: current, changed };
}

function calculatedValue(
  model: Model,
  field: CalculatedField,
  result: ScriptResult,
): JsonValue | undefined {
  if (result.kind === 'cancelled') return undefined;
  if (result.kind !== 'returned') {
    reportFailure(model, field.value, result);
    return undefined;
  }
  const { value } = result;
  if (value === undefined || value === null) return undefined;
  const stored = storedCalculated(model, field, value);
  if (stored === undefined) {
    const message = `gave a value that is no ${field.valueType}`;
    reportFailure(model, field.value, { kind: 'threw', message, line: undefined });
  }
  return stored;
}

/** The stored form of a calculated field's value; `undefined` if it has another type. */
export function storedCalculated(
  { limits }: Pick<Model, 'limits'>,
  { valueType }: CalculatedField,
  value: JsonValue,
): JsonValue | undefined {
  switch (valueType) {
    case 'List':
      if (!Array.isArray(value) || value.length > limits.list) return undefined;
      return storedPlain('Json', value, limits.depth);
    case 'Object':
      return isJsonObject(value) ? storedPlain('Json', value, limits.depth) : undefined;
    default:
      return storedPlain(valueType, value, limits.depth);
  }
}

function replaced(data: JsonObject, name: string, value: JsonValue | undefined): JsonObject {
  const copy = { ...data };
  if (value === undefined) delete copy[name];
  else copy[name] = value;
  return copy;
}
