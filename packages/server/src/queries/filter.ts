import {
  bindRql,
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
import { fitValue } from './fit-value.js';

interface QueryOption {
  readonly filter: string;
  readonly values?: JsonObject | undefined;
}

/** The filter of a read or count, bound to its values. Throws 409 `query.invalid` (rules RQL5, LIM12). */
export function filterOf(
  model: Model,
  query: QueryOption | undefined,
  limits: Pick<Limits, 'filter' | 'filterDepth' | 'filterOperands'>,
  budgets: Pick<Budgets, 'refuse'>,
): RqlExpression | undefined {
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
  return bindRql(tree, query.values, fitValue(model));
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
