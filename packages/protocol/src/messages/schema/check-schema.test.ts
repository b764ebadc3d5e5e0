import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ProtocolError } from '../../errors.js';
import { jsonValue } from '../../json/json.fixture.js';
import { isJsonObject, type JsonValue } from '../../json/json.js';
import { Compile, Type } from '../../typebox.js';
import { checkerOf } from './check-schema.js';

/** Every construct that the schemas of the messages use. */
const schema = Type.Object({
  integer: Type.Integer({ minimum: -1, maximum: 2 }),
  text: Type.Optional(Type.String({ minLength: 1, maxLength: 2 })),
  flag: Type.Optional(Type.Boolean()),
  any: Type.Unsafe({}),
  object: Type.Optional(Type.Unsafe({ type: 'object' })),
  list: Type.Array(Type.String(), { minItems: 1, maxItems: 3 }),
  choice: Type.Optional(Type.Union([Type.String(), Type.Object({ r: Type.String() })])),
  either: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String(), { maxItems: 2 })])),
  one: Type.Enum(['set', 'push']),
});

const candidate = fc.record(
  {
    integer: fc.oneof({ weight: 5, arbitrary: fc.integer({ min: -2, max: 3 }) }, jsonValue),
    text: fc.oneof(
      fc.constantFrom('', 'ab', 'abc', '\u{1f600}\u{1f600}', '\u{1f600}bc'),
      jsonValue,
    ),
    flag: fc.oneof(fc.boolean(), jsonValue),
    any: jsonValue,
    object: fc.oneof(fc.constant({ a: 1 }), jsonValue),
    list: fc.oneof(
      { weight: 5, arbitrary: fc.array(fc.constantFrom('a', 'b'), { maxLength: 4 }) },
      jsonValue,
    ),
    choice: fc.oneof(fc.constantFrom('a', { r: 'a' }, { r: 1 }, {}), jsonValue),
    either: fc.oneof(
      { weight: 20, arbitrary: fc.constantFrom('a', ['a']) },
      fc.constantFrom<JsonValue[]>(['a', 1], ['a', 'b', 'c']),
      jsonValue,
    ),
    one: fc.oneof({ weight: 5, arbitrary: fc.constantFrom('set', 'push') }, jsonValue),
  },
  { requiredKeys: ['integer', 'any', 'list', 'one'], noNullPrototype: true },
);

/** An optional member that is null counts as absent here: the library gets the value without it. */
function withoutNull(value: JsonValue): JsonValue {
  if (!isJsonObject(value)) return value;
  const optional = ['text', 'flag', 'object', 'choice', 'either'];
  const entries = Object.entries(value).filter(
    ([name, member]) => member !== null || !optional.includes(name),
  );
  return Object.fromEntries(entries);
}

test('[ENV7] [ENV8] a schema has the same meaning as in its library, and every refusal names a member', () => {
  const library = Compile(schema);
  const check = checkerOf(schema);
  let accepted = 0;
  fc.assert(
    fc.property(fc.oneof({ weight: 20, arbitrary: candidate }, jsonValue), (value) => {
      if (library.Check(withoutNull(value))) {
        accepted += 1;
        expect(check(value)).toEqual(withoutNull(value));
      } else {
        const error = thrownBy(() => check(value));
        expect(Object.keys(error.errors ?? {}).length).toBeGreaterThan(0);
      }
    }),
    { numRuns: 10_000 },
  );
  expect(accepted).toBeGreaterThan(50);
});

function thrownBy(action: () => void): ProtocolError {
  try {
    action();
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
  throw new Error('not refused');
}
