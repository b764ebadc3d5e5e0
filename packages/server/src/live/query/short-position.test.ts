import type { JsonValue } from '@really/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareSortPositions, sortPositionOf } from '../../store/order.js';
import type { StoredObject } from '../../store/stored-object.js';
import { FakeConnection, setUpLive } from '../live.fixture.js';
import { compareShortPositions, shortPosition } from './short-position.js';

const beginning = 'b'.repeat(255);

/** Short, and longer than what is kept, with the same beginning and other ends. */
const values: fc.Arbitrary<JsonValue> = fc.oneof(
  fc.constantFrom<JsonValue>(1, true, 'b', [], {}, ['c'], beginning),
  fc
    .array(fc.constantFrom('a', 'z', '\u{1F600}', '\uD83D', '\uE000'), { maxLength: 4 })
    .map((end) => `${beginning}${end.join('')}`),
  fc.constantFrom('x', 'y').map((end) => [...beginning, end]),
  fc.constantFrom('x', 'y').map((end) => ({ [`${beginning}${end}`]: 1 })),
);

function objectOf(r: string, rev: number, data: StoredObject['data']): StoredObject {
  return { r, rev, data, touched: { x: rev, y: rev }, deleted: false, modelVersion: 1 };
}

function signOf(compared: number): string {
  return compared === 0 ? 'same' : compared < 0 ? 'before' : 'after';
}

const objects = fc
  .record({
    r: fc.constantFrom('/users/1', '/users/2'),
    x: fc.option(values, { nil: null }),
    y: values,
  })
  .map(({ r, ...data }) => ({ r, data }));
const orders = fc
  .record({ x: fc.boolean(), y: fc.boolean(), reversed: fc.boolean() })
  .map(({ x, y, reversed }) => ({
    keys: [
      { field: 'x', descending: x },
      { field: 'y', descending: y },
    ],
    reversed,
  }));

test('[LIM11] shortened positions compare as whole ones do, or not at all', () => {
  let compared = 0;
  let undecided = 0;
  fc.assert(
    fc.property(objects, objects, orders, (first, second, order) => {
      const [a, b] = [objectOf(first.r, 1, first.data), objectOf(second.r, 2, second.data)];
      const [wholeA, wholeB] = [sortPositionOf(a, order), sortPositionOf(b, order)];
      const shortA = shortPosition(wholeA, { object: a, order });
      const shortB = shortPosition(wholeB, { object: b, order });
      const known = compareShortPositions(order, shortA, shortB);
      if (known === undefined) {
        undecided += 1;
        expect(shortA.shortened ?? shortB.shortened).toBeDefined();
        return;
      }
      compared += 1;
      expect(signOf(known)).toBe(signOf(compareSortPositions(order, wholeA, wholeB)));
      expect(signOf(compareShortPositions(order, shortA, shortA) ?? 1)).toBe('same');
    }),
    { numRuns: 5000 },
  );
  expect(Math.min(compared, undecided)).toBeGreaterThan(50);
});

test('[LIM11] a position keeps little of long values', () => {
  const data = { x: 'x'.repeat(1_000_000), y: Array.from({ length: 10_000 }, () => 'y') };
  const object = objectOf('/users/1', 1, data);
  const order = { keys: ['x', 'y'].map((field) => ({ field, descending: false })) };
  const { values: kept } = shortPosition(sortPositionOf(object, order), { object, order });
  expect(JSON.stringify(kept).length).toBeLessThan(300);
});

test('[LIM11] a live query sorted by long texts with the same beginning', async () => {
  const on = await setUpLive();
  const long = (end: string) => 'a'.repeat(1000) + end;
  await on.create('/users/1', { a: long('1') });
  await on.create('/users/2', { a: long('2') });
  await on.create('/users/3', { a: long('3') });
  const connection = new FakeConnection();
  const { start } = await on.live.subscribeQuery(connection, {
    r: '/users/*',
    scope: { names: ['users'], parents: [] },
    order: { keys: [{ field: 'a', descending: false }] },
    limit: 2,
  });
  start();
  const after = async (change: Promise<unknown>) => {
    await change;
    await on.live.settled();
    return connection.summaries();
  };
  expect(await after(on.set('/users/3', { a: long('0') }))).toEqual(['left 1', 'entered /users/3']);
  expect(await after(on.set('/users/3', { a: long('00') }))).toEqual(['snapshot 3']);
  expect(await after(on.set('/users/3', { b: 1 }))).toEqual(['updated 4']);
  expect(await after(on.create('/users/4', { a: long('') }))).toEqual([
    'left 1',
    'entered /users/4',
  ]);
  expect(await after(on.set('/users/2', { a: long('9') }))).toEqual([]);
  expect(await after(on.remove('/users/4'))).toEqual(['left 2', 'entered /users/1']);
});
