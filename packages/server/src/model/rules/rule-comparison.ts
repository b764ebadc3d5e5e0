import type { JsonValue, RqlExpression, RqlOperator } from '@really/protocol';
import type { StoredFieldType } from '../../store/collection-layout.js';
import type { Field } from '../model.js';
import type { Value } from '../script/operators.js';
import { allOf, type Formula, not } from './rule-formula.js';

/** How the values of a field compare. `ascii`: texts without other characters. */
export type ScalarType = StoredFieldType['type'] | 'ascii';

export interface FieldOperand {
  readonly name: string;
  readonly type: ScalarType;
}

/** `undefined` if no filter compares the field's values with a literal. */
export function scalarTypeOf(field: Field): StoredFieldType['type'] | undefined {
  switch (field.type === 'Calculated' ? field.valueType : field.type) {
    case 'String':
    case 'Date':
    case 'reference':
      return 'text';
    case 'Long':
    case 'Double':
      return 'number';
    case 'Boolean':
      return 'boolean';
    default:
      return undefined;
  }
}

/** The equivalent operator with its sides exchanged. */
export const mirrored: Partial<Record<string, string>> = {
  ...{ '==': '==', '!=': '!=', '===': '===', '!==': '!==' },
  ...{ '<': '>', '<=': '>=', '>': '<', '>=': '<=' },
};

/**
 * Whether a comparison with this value, as a filter, agrees with JavaScript only as long as the field holds values of
 * its type: JavaScript converts operands (`"9" > 3`, `["a"] == "a"`), filters do not.
 */
export function needsType(operator: string, value: Value): boolean {
  // A stored null is not a value of the type, and not the same as a missing field.
  if (value === undefined || value === null) return operator !== '==' && operator !== '!=';
  return operator !== '===' && operator !== '!==';
}

/** When a comparison of a field with a known value holds; `undefined` if no filter can say it. */
export function comparison(
  field: FieldOperand,
  operator: string,
  value: Value,
): Formula | undefined {
  switch (operator) {
    case '==':
    case '===':
      return equality(field, value, operator === '===');
    case '!=':
    case '!==': {
      const equal = equality(field, value, operator === '!==');
      return equal === undefined ? undefined : not(equal);
    }
    case '<':
    case '<=':
    case '>':
    case '>=':
      return hasSameOrder(field, value) ? test(field.name, operator, value) : undefined;
    default:
      return undefined;
  }
}

function equality(
  { name, type }: FieldOperand,
  value: Value,
  strict: boolean,
): Formula | undefined {
  if (value === undefined || value === null) {
    // A field is set or missing, never null; `_r` and `_rev` are always set.
    return (strict && value === null) || name.startsWith('_') ? false : test(name, '=', null);
  }
  // `==` would convert one of the operands.
  if (!strict && typeof value !== javascriptType[type]) return undefined;
  // In the sandbox no list or object equals another; a rule that compares with one is left to it.
  if (typeof value === 'object') return undefined;
  if (typeof value !== 'number' || Number.isFinite(value)) return test(name, '=', value);
  // No stored number equals it. A value of another type may: `"Infinity" == Infinity`.
  return strict ? false : undefined;
}

const javascriptType = { text: 'string', ascii: 'string', number: 'number', boolean: 'boolean' };

/** Whether JavaScript and RQL order the field's values and this one in the same way: RQL by code point, JavaScript by code unit. */
function hasSameOrder({ type }: FieldOperand, value: Value): value is number | string {
  if (type === 'number') return Number.isFinite(value);
  if (typeof value !== 'string') return false;
  // Both orders agree up to the surrogates; a value without surrogates is on the same side of them either way.
  return type === 'ascii' || (type === 'text' && !/[\ud800-\uffff]/.test(value));
}

/** A longer list would cost the store more than evaluating the rule. */
const longestList = 1000;

/** When the field's value is an element of the list: as `===`, without conversion of either. */
export function isOneOf({ name }: FieldOperand, list: readonly JsonValue[]): Formula | undefined {
  // A stored null is not the same as a missing field, which no filter can tell.
  if (list.length > longestList || list.includes(null)) return undefined;
  // In the sandbox no list or object equals another.
  const values = list.filter((value) => typeof value !== 'object');
  return values.length > 0 && test(name, 'in', values);
}

/** When the field's value by itself is truthy. */
export function isTruthy({ name, type }: FieldOperand): Formula {
  if (type === 'boolean') return test(name, '=', true);
  const empty = type === 'number' ? 0 : '';
  return allOf(not(test(name, '=', null)), not(test(name, '=', empty)));
}

function test(name: string, operator: RqlOperator, value: JsonValue): RqlExpression {
  return { kind: 'comparison', field: [name], operator, value };
}
