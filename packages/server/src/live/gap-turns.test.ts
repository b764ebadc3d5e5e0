import { expect, test } from 'vitest';
import type { CommittedChange } from '../store/stored-object.js';
import { bound, FakeConnection, type LiveSetup, modelOf, setUpLive } from './live.fixture.js';

/** As many as read at a time for gaps. */
const hot = ['hot0', 'hot1', 'hot2', 'hot3'];
const writes = 30;

/** What is read to fill gaps, in order; `write` is called after each read of what is hot, so that there is always more. */
async function setUpGaps(write: (on: LiveSetup, id: string, n: number) => Promise<unknown>) {
  const reads: string[] = [];
  const counts = new Map<string, number>();
  let isFilling = false;
  const noted = async <T>(id: string, read: Promise<T>): Promise<T> => {
    const found = await read;
    if (!isFilling) return found;
    reads.push(id);
    const n = (counts.get(id) ?? 0) + 1;
    counts.set(id, n);
    if (hot.includes(id) && n <= writes) await write(on, id, n);
    return found;
  };
  const on: LiveSetup = await setUpLive({
    models: [modelOf(), modelOf({ name: 'users/posts' })],
    wrap: (store) => ({
      ...bound(store),
      history: (r, ...rest) => noted(r.split('/')[2] ?? '', store.history(r, ...rest)),
      created: (scope, ...rest) => noted(scope.parents[0] ?? '', store.created(scope, ...rest)),
    }),
  });
  /** Delivers these, and fills the gaps before them. */
  const fill = async (changes: readonly CommittedChange[]) => {
    on.bus.held = undefined;
    isFilling = true;
    on.bus.deliver(...changes);
    await on.live.settled();
  };
  return { on, reads, fill };
}

test('[LIM43] objects that are written all the time do not keep others from being caught up', async () => {
  const { on, reads, fill } = await setUpGaps((setup, id, n) =>
    setup.set(`/users/${id}`, { a: n + 10 }),
  );
  const all = [...hot, 'cold'].map((id) => `/users/${id}`);
  for (const r of all) await on.create(r, { a: 1 });
  const connection = new FakeConnection();
  await on.subscribe(connection, ...all.map((r) => ({ r, rev: 1 })));
  on.bus.held = [];
  for (const r of all) await on.set(r, { a: 2 });
  const later: CommittedChange[] = [];
  for (const r of all) later.push(await on.set(r, { a: 3 }));
  await fill(later);
  expect(reads.indexOf('cold')).toBeLessThan(writes);
  const received = connection.received().filter(({ r }) => r === '/users/cold');
  expect(received.map(({ rev }) => rev)).toEqual([2, 3]);
});

test('[LIM43] nor do collections in which something is created all the time', async () => {
  const { on, reads, fill } = await setUpGaps((setup, id, n) =>
    setup.create(`/users/${id}/posts/${n + 10}`, {}),
  );
  const ids = [...hot, 'cold'];
  const connection = new FakeConnection();
  await on.subscribe(connection, ...ids.map((id) => `/users/${id}/posts`));
  await on.create('/users/other', {});
  on.bus.held = [];
  for (const id of ids) await on.create(`/users/${id}/posts/1`, {});
  await fill([await on.create('/users/last', {})]);
  expect(reads.indexOf('cold')).toBeLessThan(writes);
  const created = connection.received().filter(({ r }) => r === '/users/cold/posts/*');
  expect(created).toHaveLength(1);
});
