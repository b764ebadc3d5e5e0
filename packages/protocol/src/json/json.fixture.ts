import fc from 'fast-check';
import type { JsonObject, JsonValue } from './json.js';

/** Few names, so that they collide, and some that objects inherit. */
export const memberName = fc.constantFrom('a', 'b', 'tags', 'constructor', 'toString', 'é');

const plain = fc.oneof(
  fc.constantFrom<JsonValue>(null, true, false, 0, 1, 2, -1.5, 1e308, '', 'a', '1', 'null'),
  fc.integer({ min: -3, max: 3 }),
);

/** Small JSON values that are often equal to each other. */
export const jsonValue: fc.Arbitrary<JsonValue> = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    { weight: 3, arbitrary: plain },
    { weight: 1, arbitrary: fc.array(tie('value'), { maxLength: 4 }) },
    {
      weight: 1,
      arbitrary: fc.dictionary(memberName, tie('value'), { maxKeys: 3, noNullPrototype: true }),
    },
  ),
})).value;

/** The data of an object: no top-level member is null. */
export const objectData: fc.Arbitrary<JsonObject> = fc
  .dictionary(memberName, jsonValue, { maxKeys: 5, noNullPrototype: true })
  .map((object) =>
    Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null)),
  );
