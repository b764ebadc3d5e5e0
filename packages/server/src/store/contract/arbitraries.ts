import type { JsonObject, JsonValue, RqlExpression, RqlOperator } from '@really/protocol';
import fc from 'fast-check';
import type { Order } from '../store-reads.js';

// Values and queries for random tests of stores: few values, so that they collide, and every kind
// that is easy to get wrong.

const number = fc.oneof(
  fc.constantFrom(0, 1, 2, -1, 1.5, 1e21, 1e-7, 5e-324, 1.7976931348623157e308),
  fc.constantFrom(
    2 ** 53,
    2 ** 53 + 2,
    1152921504606847200,
    -1152921504606847000,
    2 ** 63,
    2 ** 64,
  ),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
/** The trail before the lead surrogate, so that each is a letter of its own. */
const letter = fc.constantFrom(...'abA1\0"%\\ßſİΣς\ufffd\ud7ff\udc00\ud800\ue000😀\u{10ffff}');
const text = fc.oneof(
  fc.constantFrom('', '1', 'true', '[1]', 'null'),
  fc.string({ unit: letter, maxLength: 4 }),
);
const plain = fc.oneof(number, text, fc.boolean(), fc.constant(null));

/** As JSON stores it: -0 becomes 0. */
const throughJson = (value: JsonValue) => JSON.parse(JSON.stringify(value)) as JsonValue;

const inner: fc.Arbitrary<JsonValue> = fc.oneof(
  plain,
  fc.array(plain, { maxLength: 3 }),
  fc.dictionary(fc.constantFrom('p', 'q'), plain, { maxKeys: 2 }),
);
export const jsonValue: fc.Arbitrary<JsonValue> = fc
  .oneof(
    { weight: 3, arbitrary: plain },
    { weight: 1, arbitrary: fc.array(inner, { maxLength: 4 }) },
    { weight: 1, arbitrary: fc.dictionary(fc.constantFrom('p', 'q'), inner, { maxKeys: 2 }) },
  )
  .map(throughJson);

export const fieldNames = ['a', 'b', 'o', "it's", 'x"[0]', 'n\0', '\\u0061\n', 'é$\ud800', '😀'];

export const objectData: fc.Arbitrary<JsonObject> = fc.dictionary(
  fc.constantFrom(...fieldNames),
  jsonValue,
  { noNullPrototype: true },
);

const fieldPath = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...fieldNames.map((name) => [name])) },
  { weight: 2, arbitrary: fc.constantFrom(['o', 'p'], ['o', 'q', 'p'], ['a', '0']) },
  { weight: 1, arbitrary: fc.constantFrom(['_r'], ['_rev'], ['_rev', 'p']) },
);

const infinite = fc.constantFrom(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY);

function operandOf(operator: RqlOperator): fc.Arbitrary<JsonValue> {
  switch (operator) {
    case 'in':
      return fc.array(jsonValue, { maxLength: 5 });
    case 'between':
      return fc.oneof(fc.tuple(number, number), fc.tuple(text, text), fc.tuple(plain, plain));
    case 'starts with':
    case 'contains ignoring case':
      return text;
    default:
      return fc.oneof({ weight: 9, arbitrary: jsonValue }, { weight: 1, arbitrary: infinite });
  }
}

const operators: readonly RqlOperator[] = [
  '=',
  '!=',
  '<',
  '<=',
  '>',
  '>=',
  'in',
  'between',
  'contains',
  'contains ignoring case',
  'starts with',
];

/** `rs` are Rs to search for. */
export function filterOf(rs: readonly string[]): fc.Arbitrary<RqlExpression> {
  const someR = fc.constantFrom(...rs, '/elsewhere/a');
  const comparison = fc
    .tuple(fieldPath, fc.constantFrom(...operators))
    .chain(([field, operator]) => {
      const value =
        field[0] !== '_r'
          ? operandOf(operator)
          : operator === 'in'
            ? fc.array(fc.oneof(someR, plain), { maxLength: 4 })
            : fc.oneof(someR, operandOf(operator));
      return value.map(
        (operand) => ({ kind: 'comparison', field, operator, value: operand }) as const,
      );
    });
  return fc.letrec<{ filter: RqlExpression }>((tie) => ({
    filter: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      { weight: 3, arbitrary: comparison },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constantFrom('and', 'or'),
          left: tie('filter'),
          right: tie('filter'),
        }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('not'), operand: tie('filter') }) },
    ) as fc.Arbitrary<RqlExpression>,
  })).filter;
}

const sortKey = fc.record({
  field: fc.constantFrom('_r', '_rev', 'o.p', ...fieldNames),
  descending: fc.boolean(),
});

export const orderBy: fc.Arbitrary<Order> = fc.record({
  keys: fc.uniqueArray(sortKey, { selector: ({ field }) => field, minLength: 1, maxLength: 4 }),
  reversed: fc.boolean(),
});
