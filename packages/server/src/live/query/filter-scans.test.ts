import { bindRql, type JsonObject, parseRql } from '@really/protocol';
import { expect, test } from 'vitest';
import { FilterScans } from '../../queries/filter-scans.js';
import { FakeConnection, type LiveSetup, setUpLive, withQueries } from '../live.fixture.js';

const filterOf = (filter: string, values?: JsonObject) => bindRql(parseRql(filter), values);
const any = (count: number, part: (n: number) => string) =>
  Array.from({ length: count }, (_, n) => part(n)).join(' or ');
const bio = 'a'.repeat(1_000_000);

async function watch({ live }: LiveSetup, filter: string): Promise<FakeConnection> {
  const connection = new FakeConnection('u1');
  const { start } = await live.subscribeQuery(connection, {
    r: '/users/*',
    scope: { names: ['users'], parents: [] },
    order: { keys: [{ field: '_r', descending: false }] },
    limit: 3,
    filter: filterOf(filter),
  });
  start();
  await live.settled();
  return connection;
}

const containsMany = any(180, (n) => `a contains 'b${n}'`);
const folds = "contains 'x' ignoring case";

test.each<[string, string, JsonObject, boolean]>([
  ['one text', "a contains 'x'", { a: bio }, false],
  ['one text many times', containsMany, { a: bio }, true],
  ['a short text beside a long one', containsMany, { a: 'short', b: bio }, false],
  [
    'values that are compared only as far as the operand',
    any(180, () => "a = 'b'"),
    { a: bio },
    false,
  ],
  ['many members', any(180, () => 'a = $v'), { a: { y: bio } }, true],
  ['two texts that are folded', `a ${folds} or b ${folds}`, { a: bio, b: bio }, true],
  ['a list, which becomes a set', containsMany, { a: Array(10_000).fill(1) }, false],
  ['lists that take turns', any(180, (n) => `f${n % 5} contains 'x'`), listsOf(5), true],
])('[LIM17] whether a filter scans too much: %s', (_, filter, data, isLong) => {
  const scans = new FilterScans(filterOf(filter, { v: { x: 1 } }));
  expect(scans.areLong(data)).toBe(isLong);
});

function listsOf(count: number): JsonObject {
  return Object.fromEntries(
    Array.from({ length: count }, (_, n) => [`f${n}`, Array(10_000).fill(1)]),
  );
}

test('[LIM17] what a filter would scan too long of an object is read from the store instead', async () => {
  let queries = 0;
  const on = await setUpLive({
    wrap: (store) =>
      withQueries(store, (run) => {
        queries += 1;
        return run();
      }),
  });
  await on.create('/users/1', { a: bio });
  await on.create('/users/2', { a: 'aab7' });
  const filter = any(180, (n) => `a contains 'b${n}'`);
  const connection = await watch(on, filter);
  queries = 0;
  await on.set('/users/2', { b: 1 });
  await on.live.settled();
  expect(queries).toBe(0);
  await on.set('/users/1', { b: 1 });
  await on.set('/users/1', { a: `${bio}b5` });
  await on.live.settled();
  expect(queries).toBeGreaterThan(0);
  await on.set('/users/1', { a: 'a' });
  await on.live.settled();
  expect(connection.summaries()).toEqual(['updated 2', 'entered /users/1', 'left 4']);
});

test('[LIM17] a change of a large object is dispatched in slices, however cheap the filters are', async () => {
  const on = await setUpLive({ isHurried: true });
  await on.create('/users/1', { a: bio });
  const connections: FakeConnection[] = [];
  for (let n = 0; n < 40; n++) connections.push(await watch(on, `not a contains 'b${n}'`));
  const withPushes = () => connections.filter(({ frames }) => frames.length > 0).length;
  await on.set('/users/1', { b: 1 });
  expect(withPushes()).toBeLessThan(40);
  await on.live.settled();
  expect(withPushes()).toBe(40);
});
