import type { JsonObject, JsonValue } from '../json/json.js';
import { ownMember } from '../json/json.js';
import type { Filter, RqlOperand, RqlTree } from './ast.js';

/**
 * The cost of an element beside its text, in bytes: it is bound, serialized for the store, put into
 * a set or a table, and compared.
 */
const elementCost = 32;

/**
 * Approximate bytes that a filter compares with once its values are bound: 32 for each value and
 * each element or member in it, plus its texts and names. A value that is used several times counts
 * each time, an unused one not at all.
 */
export function operandsOf(tree: RqlTree, values: JsonObject = {}): number {
  const known = new Map<string, number>();
  const costOf = (operand: RqlOperand): number => {
    if (operand.kind === 'literal') return costOfValue(operand.value);
    const before = known.get(operand.name);
    if (before !== undefined) return before;
    const value = ownMember(values, operand.name);
    const cost = value === undefined ? 0 : costOfValue(value);
    known.set(operand.name, cost);
    return cost;
  };
  return sum(tree, costOf);
}

function sum(tree: Filter<RqlOperand>, costOf: (operand: RqlOperand) => number): number {
  switch (tree.kind) {
    case 'and':
    case 'or':
      return sum(tree.left, costOf) + sum(tree.right, costOf);
    case 'not':
      return sum(tree.operand, costOf);
    case 'comparison':
      return costOf(tree.value);
    default:
      return tree satisfies never;
  }
}

function costOfValue(value: JsonValue): number {
  if (typeof value === 'string') return elementCost + value.length;
  if (typeof value !== 'object' || value === null) return elementCost;
  let cost = elementCost;
  if (Array.isArray(value)) for (const element of value) cost += costOfValue(element);
  else
    for (const name of Object.keys(value)) cost += name.length + costOfValue(value[name] ?? null);
  return cost;
}
