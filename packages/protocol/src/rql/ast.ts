import type { JsonValue } from '../json/json.js';

/**
 * A filter as a tree. After `bindRql` every operand is a literal. `in` has a list as its value,
 * `between` a list of two (inclusive).
 */
export type RqlExpression = Filter<JsonValue>;

/** A filter as it was parsed: an operand may still be a `$name`. */
export type RqlTree = Filter<RqlOperand>;

export type Filter<Value> =
  | { readonly kind: 'and' | 'or'; readonly left: Filter<Value>; readonly right: Filter<Value> }
  | { readonly kind: 'not'; readonly operand: Filter<Value> }
  | Comparison<Value>;

export interface Comparison<Value> {
  readonly kind: 'comparison';
  /** Path of the field: `['picture', 'xlarge']`, `['_r']`. */
  readonly field: readonly string[];
  readonly operator: RqlOperator;
  readonly value: Value;
}

/** `position` counts characters from 1. */
export type RqlOperand =
  | { readonly kind: 'literal'; readonly value: JsonValue; readonly position: number }
  | { readonly kind: 'name'; readonly name: string; readonly position: number };

export type RqlOperator =
  | '='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | 'in'
  | 'between'
  | 'contains'
  | 'contains ignoring case'
  | 'starts with';
