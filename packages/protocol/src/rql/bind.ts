import { type JsonObject, type JsonValue, ownMember } from '../json.js';
import type { Comparison, RqlExpression, RqlOperand, RqlTree } from './ast.js';
import { invalidQuery } from './parse.js';

/**
 * Puts the values in place of the `$name`s. Throws 409 `query.invalid` where a value is missing, or
 * is none that its operator can work with.
 */
export function bindRql(tree: RqlTree, values: JsonObject | undefined): RqlExpression {
  switch (tree.kind) {
    case 'and':
    case 'or':
      return {
        kind: tree.kind,
        left: bindRql(tree.left, values),
        right: bindRql(tree.right, values),
      };
    case 'not':
      return { kind: 'not', operand: bindRql(tree.operand, values) };
    case 'comparison':
      return bindComparison(tree, values ?? {});
    default:
      return tree satisfies never;
  }
}

function bindComparison(tree: Comparison<RqlOperand>, values: JsonObject): RqlExpression {
  const value = operandValue(tree.value, values);
  const wanted = wantedBy(tree, value);
  if (wanted !== undefined) {
    throw invalidQuery(`${tree.operator} takes ${wanted}`, tree.value.position);
  }
  return { kind: 'comparison', field: tree.field, operator: tree.operator, value };
}

function operandValue(operand: RqlOperand, values: JsonObject): JsonValue {
  if (operand.kind === 'literal') return operand.value;
  const value = ownMember(values, operand.name);
  if (value === undefined) throw invalidQuery(`no value for $${operand.name}`, operand.position);
  return value;
}

/** What the operator takes, where this value is not it. */
function wantedBy(tree: Comparison<RqlOperand>, value: JsonValue): string | undefined {
  switch (tree.operator) {
    case 'in':
      return Array.isArray(value) ? undefined : 'a list';
    case 'between':
      return isPair(value) ? undefined : 'a list of two numbers or of two texts';
    case 'starts with':
      return typeof value === 'string' ? undefined : 'a text';
    default:
      return undefined;
  }
}

function isPair(value: JsonValue): boolean {
  if (!Array.isArray(value) || value.length !== 2) return false;
  const [low, high] = value;
  return typeof low === typeof high && (typeof low === 'number' || typeof low === 'string');
}
