import fc from 'fast-check';
import { jsonValue, memberName, objectData } from '../json/json.fixture.js';
import type { JsonObject, JsonValue } from '../json/json.js';
import type { FieldOp } from './field-op.js';

const step = fc.oneof(
  { weight: 3, arbitrary: memberName.map((name) => `.${name}`) },
  { weight: 1, arbitrary: fc.nat(3).map((index) => `[${index}]`) },
);

export const opKey = fc
  .tuple(memberName, fc.array(step, { maxLength: 2 }))
  .map(([name, steps]) => name + steps.join(''));

const names = ['set', 'addNumber', 'push', 'addToSet', 'pull', 'insertAt', 'removeAt'] as const;

export const fieldOp: fc.Arbitrary<FieldOp> = fc.record({
  op: fc.constantFrom(...names),
  key: opKey,
  value: fc.oneof(jsonValue, fc.array(jsonValue, { maxLength: 6 })),
  opArgs: fc.record({ index: fc.integer({ min: -1, max: 4 }) }),
});

/**
 * Data and operations that mostly fit it: lists of numbers and texts under `l`, numbers under `n`,
 * objects under `o`. Random keys on random data would nearly always be refused.
 */
export const fittingOps: fc.Arbitrary<{ before: JsonObject; ops: FieldOp[] }> = fc.record({
  before: fc.oneof(objectData, shapedData()),
  ops: fc.array(
    fc.oneof({ weight: 1, arbitrary: fieldOp }, { weight: 12, arbitrary: shapedOp() }),
    {
      minLength: 1,
      maxLength: 6,
    },
  ),
});

/** Many operations on the same lists, with so few values that most of them collide. */
export const listOps: fc.Arbitrary<{ before: JsonObject; ops: FieldOp[] }> = fc.record({
  before: fc.record({ l: fc.array(fewValues(), { maxLength: 6 }) }),
  ops: fc.array(
    fc.record({
      op: fc.constantFrom('push', 'addToSet', 'pull', 'insertAt', 'removeAt', 'set'),
      key: fc.constantFrom('l', 'l', 'l', 'l', 'l[0].l', 'l[1].a', 'l[2]', 'l[0].l[0]'),
      value: fc.oneof(fewValues(), fc.array(fewValues(), { maxLength: 5 })),
      opArgs: fc.record({ index: fc.nat(3) }),
    }),
    { minLength: 2, maxLength: 40 },
  ),
});

function fewValues(): fc.Arbitrary<JsonValue> {
  const small = fc.constantFrom<JsonValue>(0, 1, '1', null, true, [], [1]);
  const objects = fc.constantFrom<JsonValue>({ a: 1 }, { a: 1, l: [1] }, { l: [{ a: 1 }] }, {});
  return fc.oneof(small, objects).map((value) => structuredClone(value));
}

function shapedData(): fc.Arbitrary<JsonObject> {
  const level = { l: fc.array(jsonValue, { maxLength: 5 }), n: fc.integer() };
  return fc
    .record(
      { ...level, o: fc.record(level, { requiredKeys: [] }) },
      { requiredKeys: [], noNullPrototype: true },
    )
    .map((object): JsonObject => structuredClone(object) as JsonObject);
}

function shapedOp(): fc.Arbitrary<FieldOp> {
  const list = fc.constantFrom('l', 'o.l', 'o.new.l');
  const number = fc.constantFrom('n', 'o.n', 'o.new.n');
  const value: fc.Arbitrary<JsonValue> = fc.oneof(jsonValue, fc.array(jsonValue, { maxLength: 6 }));
  const opArgs = fc.record({ index: fc.nat(2) });
  return fc.oneof(
    fc.record({ op: fc.constant('set'), key: fc.oneof(list, number, fc.constant('l[0]')), value }),
    fc.record({ op: fc.constant('addNumber'), key: number, value: fc.integer() }),
    fc.record({ op: fc.constantFrom('push', 'addToSet', 'pull'), key: list, value }),
    fc.record({ op: fc.constantFrom('insertAt', 'removeAt'), key: list, value, opArgs }),
  );
}
