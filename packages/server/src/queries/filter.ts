import {
  bindingRql,
  fail,
  fieldsOfRql,
  invalidQuery,
  type JsonObject,
  operandsOf,
  parseRql,
  type RqlExpression,
} from '@really/protocol';
import type { Field, Model } from '../model/model.js';
import type { Budgets } from '../platform/budget.js';
import type { Limits } from '../platform/limits.js';
import type { Clock } from '../platform/platform.js';
import { inSlices } from '../platform/scheduling/slices.js';
import { fitValue } from './fit-value.js';

interface QueryOption {
  readonly filter: string;
  readonly values?: JsonObject | undefined;
}

interface FilterServices {
  readonly limits: Pick<Limits, 'filter' | 'filterDepth' | 'filterOperands'>;
  readonly budgets: Pick<Budgets, 'refuse'>;
  readonly platform: { readonly clock: Pick<Clock, 'monotonic'> };
}

/**
 * The filter of a read or count, bound to its values. Yields the event loop, since there may be
 * many values. Rejects with 409 `query.invalid` (rules RQL5, LIM12).
 */
export async function filterOf(
  model: Model,
  query: QueryOption | undefined,
  { limits, budgets, platform }: FilterServices,
): Promise<RqlExpression | undefined> {
  if (!query) return undefined;
  const tree = parseRql(query.filter, limits);
  for (const path of fieldsOfRql(tree)) {
    if (isKnownPath(model, path)) continue;
    const name = path.join('.');
    throw invalidQuery(`the model has no field ${name}`, positionOf(query.filter, name));
  }
  if (operandsOf(tree, query.values) > limits.filterOperands) {
    budgets.refuse('limits.filterOperands');
    throw fail('query.invalid', { 'cmdOpts.query.values': ['beyond limits.filterOperands'] });
  }
  return await inSlices(bindingRql(tree, query.values, fitValue(model)), platform.clock);
}

/** A filter may use fields of the model, nested fields of an Object, and any path in Json. */
export function isKnownPath(model: Model, path: readonly string[]): boolean {
  const [first, ...rest] = path;
  if (first === '_r' || first === '_rev') return rest.length === 0;
  const field = first === undefined ? undefined : model.fields.get(first);
  return field !== undefined && leadsInto(field, rest);
}

function leadsInto(field: Field, path: readonly string[]): boolean {
  const [first, ...rest] = path;
  if (first === undefined || isOpen(field)) return true;
  const inner = field.type === 'Object' ? field.fields.get(first) : undefined;
  return inner !== undefined && leadsInto(inner, rest);
}

/** Whether the model does not define the content. */
function isOpen(field: Field): boolean {
  if (field.type === 'Json') return true;
  return field.type === 'Calculated' && ['Json', 'Object'].includes(field.valueType);
}

/** The position of a path in the filter text, from 1; quoted texts are ignored. */
function positionOf(filter: string, name: string): number {
  const plain = filter.replace(/'[^']*'/g, (text) => ' '.repeat(text.length));
  const part = '[\\w.$\\u0080-\\uffff-]';
  const pattern = `(?<!${part})${name.replaceAll('.', '\\.')}(?!${part})`;
  return Math.max(plain.search(new RegExp(pattern)), 0) + 1;
}
