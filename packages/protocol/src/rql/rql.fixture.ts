import fc from 'fast-check';
import { jsonValue, memberName } from '../json/json.fixture.js';
import type { JsonObject, JsonValue } from '../json/json.js';
import type { Comparison, RqlExpression } from './ast.js';

/** Fields that objects of the fixtures may have or lack. */
const field = fc.oneof(
  { weight: 3, arbitrary: memberName.map((name) => [name]) },
  { weight: 1, arbitrary: fc.tuple(memberName, memberName) },
);

const plain = fc.constantFrom<JsonValue>(
  null,
  true,
  false,
  0,
  1,
  2,
  -1.5,
  '',
  'a',
  'b',
  '1',
  '\u{1f600}',
  '\uffff',
);
const value = fc.oneof({ weight: 3, arbitrary: plain }, { weight: 1, arbitrary: jsonValue });
const pair = fc.oneof(
  fc.tuple(fc.integer({ min: -3, max: 3 }), fc.integer({ min: -3, max: 3 })),
  fc.tuple(fc.constantFrom('', 'a', 'b'), fc.constantFrom('a', 'b', '\uffff')),
);

const symbols = ['=', '!=', '<', '<=', '>', '>=', 'contains'] as const;

const comparison: fc.Arbitrary<Comparison<JsonValue>> = fc.oneof(
  comparisonOf(fc.constantFrom(...symbols), value),
  comparisonOf(fc.constant('in'), fc.array(value, { maxLength: 4 })),
  comparisonOf(fc.constant('between'), pair),
  comparisonOf(
    fc.constantFrom('starts with', 'contains ignoring case'),
    fc.constantFrom('', 'a', 'A', '1'),
  ),
);

function comparisonOf(
  operator: fc.Arbitrary<Comparison<JsonValue>['operator']>,
  operand: fc.Arbitrary<JsonValue>,
): fc.Arbitrary<Comparison<JsonValue>> {
  return fc.record({ kind: fc.constant('comparison' as const), field, operator, value: operand });
}

export const rqlExpression: fc.Arbitrary<RqlExpression> = fc.letrec<{ tree: RqlExpression }>(
  (tie) => ({
    tree: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      comparison,
      fc.record({
        kind: fc.constantFrom('and' as const, 'or' as const),
        left: tie('tree'),
        right: tie('tree'),
      }),
      fc.record({ kind: fc.constant('not' as const), operand: tie('tree') }),
    ),
  }),
).tree;

/** Prints an expression as a filter with its values, as a client might send it. */
export function written(expression: RqlExpression): { filter: string; values: JsonObject } {
  const values: JsonObject = {};
  const write = (tree: RqlExpression): string => {
    if (tree.kind === 'not') return `not (${write(tree.operand)})`;
    if (tree.kind !== 'comparison')
      return `(${write(tree.left)}) ${tree.kind} (${write(tree.right)})`;
    const [operator, ...rest] = tree.operator.split(' ignoring ');
    const ignoring = rest.length > 0 ? ' ignoring case' : '';
    return `${tree.field.join('.')} ${operator} ${operand(tree, values)}${ignoring}`;
  };
  return { filter: write(expression), values };
}

function operand({ operator, value }: Comparison<JsonValue>, values: JsonObject): string {
  const isLiteral = typeof value !== 'object' || value === null;
  if (isLiteral && typeof value !== 'string') return String(value);
  if (typeof value === 'string' && operator !== '=') return `'${value.replaceAll("'", "''")}'`;
  const name = `v${Object.keys(values).length}`;
  values[name] = value;
  return `$${name}`;
}
