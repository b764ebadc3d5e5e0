import { expect, test, vi } from 'vitest';
import {
  FakeConnection,
  modelOf,
  readsAll,
  rule,
  settle,
  setUpLive,
  withQueries,
} from '../live.fixture.js';
import { QueryTopic } from './query-topic.js';

test('a window that is left while changes wait for its read is not offered them any more', async () => {
  let release = () => {};
  let isHeld = false;
  const on = await setUpLive({
    models: [modelOf({ read: rule(({ auth }) => auth.uid !== 'nobody', readsAll) })],
    wrap: (store) =>
      withQueries(store, async (run) => {
        if (isHeld) await new Promise<void>((resolve) => (release = resolve));
        return await run();
      }),
  });
  await on.create('/users/1', { a: 1 });
  const subscribe = async (connection: FakeConnection, limit: number) => {
    const { start } = await on.live.subscribeQuery(connection, {
      r: '/users/*',
      scope: { names: ['users'], parents: [] },
      order: { keys: [{ field: '_r', descending: false }] },
      limit,
    });
    start();
  };
  const stays = new FakeConnection('u1');
  const leaves = new FakeConnection('u2');
  await subscribe(stays, 3);
  await subscribe(leaves, 4);
  const affected = vi.spyOn(QueryTopic.prototype, 'affectedGroups');
  isHeld = true;
  leaves.auth = { uid: 'u2', data: { n: 1 } };
  on.live.authChanged(leaves);
  await settle();
  await on.set('/users/1', { a: 3 });
  on.live.drop(leaves);
  isHeld = false;
  release();
  await on.live.settled();
  affected.mockClear();
  await on.set('/users/1', { a: 4 });
  await on.live.settled();
  const topic = affected.mock.contexts[0] as QueryTopic;
  const [change] = affected.mock.calls[0] ?? [];
  affected.mockRestore();
  if (!change) throw new Error('no change was dispatched');
  expect([...topic.affectedGroups(change)]).toHaveLength(1);
});

test('[LIM17] windows that were left before they were read hold nothing', async () => {
  let isHeld = false;
  let reads = 0;
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const on = await setUpLive({
    models: [modelOf({ read: rule(({ auth }) => auth.uid !== 'nobody', readsAll) })],
    limits: { windowWorkPerNode: 100 },
    wrap: (store) =>
      withQueries(store, async (run) => {
        reads += 1;
        if (isHeld) await released;
        return await run();
      }),
  });
  const connection = new FakeConnection('u1');
  const { start } = await on.live.subscribeQuery(connection, {
    r: '/users/*',
    scope: { names: ['users'], parents: [] },
    order: { keys: [{ field: '_r', descending: false }] },
    limit: 3,
  });
  start();
  isHeld = true;
  for (let n = 0; n < 200; n++) {
    connection.auth = { uid: 'u1', data: { n } };
    on.live.authChanged(connection);
    await settle();
  }
  expect(connection.summaries()).toEqual([]);
  expect(on.live.counts()).toMatchObject({ queries: 1, queryGroups: 1, queuedReads: 1 });
  isHeld = false;
  release();
  await on.live.settled();
  expect(reads).toBeLessThan(10);
  await on.create('/users/1', { a: 1 });
  expect(connection.summaries()).toEqual(['created /users/1']);
});
