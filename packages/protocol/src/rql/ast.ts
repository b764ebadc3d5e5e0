import type { JsonValue } from '../json.js';

/**
 * A filter as a tree. After `bindRql` every operand is a literal.
 * `in` has a list as its value, `between` a list of two (both ends in).
 */
export type RqlExpression =
  | { readonly kind: 'and' | 'or'; readonly left: RqlExpression; readonly right: RqlExpression }
  | { readonly kind: 'not'; readonly operand: RqlExpression }
  | {
      readonly kind: 'comparison';
      /** Path of the field: `['picture', 'xlarge']`, `['_r']`. */
      readonly field: readonly string[];
      readonly operator: RqlOperator;
      readonly value: JsonValue;
    };

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
  | 'starts with';
