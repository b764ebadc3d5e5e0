import { type JsonObject, type JsonValue, ownMember } from '../json.js';
import { holdsRounded, infiniteIn, isRounded } from '../json-text.js';
import type { Comparison, RqlExpression, RqlOperand, RqlOperator, RqlTree } from './ast.js';
import { invalidQuery } from './parse.js';

/** A value as it compares with what is stored under the field, or why it cannot. */
export type Fitted = { readonly value: JsonValue } | { readonly problem: string };

/** Fits the value of a comparison to the field that it is compared with. */
export type FitValue = (comparison: Comparison<JsonValue>) => Fitted;

/**
 * Puts the values in place of the `$name`s. Throws 409 `query.invalid` where a value is missing, or
 * is none that its operator, or the field, can work with.
 */
export function bindRql(
  tree: RqlTree,
  values: JsonObject | undefined,
  fit: FitValue = ({ value }) => ({ value }),
): RqlExpression {
  switch (tree.kind) {
    case 'and':
    case 'or':
      return {
        kind: tree.kind,
        left: bindRql(tree.left, values, fit),
        right: bindRql(tree.right, values, fit),
      };
    case 'not':
      return { kind: 'not', operand: bindRql(tree.operand, values, fit) };
    case 'comparison':
      return bindComparison(tree, values ?? {}, fit);
    default:
      return tree satisfies never;
  }
}

function bindComparison(
  { kind, field, operator, value: operand }: Comparison<RqlOperand>,
  values: JsonObject,
  fit: FitValue,
): RqlExpression {
  const value = operandValue(operand, values);
  const wanted = wantedBy(operator, value);
  if (wanted !== undefined) throw invalidQuery(`${operator} takes ${wanted}`, operand.position);
  const comparison = { kind, field, operator, value };
  const fitted = fit(comparison);
  if ('problem' in fitted) {
    const name = operand.kind === 'name' ? `$${operand.name}: ` : '';
    throw invalidQuery(`${name}${fitted.problem}`, operand.position);
  }
  return { ...comparison, value: fitted.value };
}

function operandValue(operand: RqlOperand, values: JsonObject): JsonValue {
  if (operand.kind === 'literal') return operand.value;
  const value = ownMember(values, operand.name);
  const { name, position } = operand;
  if (value === undefined) throw invalidQuery(`no value for $${name}`, position);
  const infinite = infiniteIn(value);
  if (infinite !== undefined) {
    throw invalidQuery(`$${name}${infinite} is a number that is too large`, position);
  }
  if (isRounded(values, name) || holdsRounded(value)) {
    throw invalidQuery(`$${name} has a number that would be rounded`, position);
  }
  return value;
}

/** What the operator takes, where this value is not it. */
function wantedBy(operator: RqlOperator, value: JsonValue): string | undefined {
  switch (operator) {
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
