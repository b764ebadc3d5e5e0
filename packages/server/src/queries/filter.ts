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
 * The filter of a read or count, bound to its values, which may be many: it lets others have their turn in between. Rejects with
 * 409 `query.invalid` (rules RQL5, LIM12).
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

/** Whether a filter may look at this path: a field of the model, into Objects as far as they go, and anywhere into Json. */
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

/** Whether the model does not say what is inside. */
function isOpen(field: Field): boolean {
  if (field.type === 'Json') return true;
  return field.type === 'Calculated' && ['Json', 'Object'].includes(field.valueType);
}

/** Where a path stands in a filter, from 1; what stands in quotes does not count. */
function positionOf(filter: string, name: string): number {
  const plain = filter.replace(/'[^']*'/g, (text) => ' '.repeat(text.length));
  const part = '[\\w.$\\u0080-\\uffff-]';
  const pattern = `(?<!${part})${name.replaceAll('.', '\\.')}(?!${part})`;
  return Math.max(plain.search(new RegExp(pattern)), 0) + 1;
}
