import { bindRql, parseRql } from '@really/protocol';
import { describe, expect, test } from 'vitest';
import {
  bound,
  FakeConnection,
  type LiveSetup,
  modelOf,
  rule,
  settle,
  setUpLive,
} from '../live.fixture.js';

const scope = { names: ['users'], parents: [] };

async function subscribe({ live }: LiveSetup, connection: FakeConnection, limit = 10) {
  const order = { field: 'a', descending: false };
  const filter = bindRql(parseRql('a > 0'), {});
  const request = { r: '/users/*', scope, order, limit, filter };
  const { hits, start } = await live.subscribeQuery(connection, request);
  start();
  await settle();
  return hits.map(({ object }) => `${object.r} ${object.rev}`);
}

/** Parks the connection, does something, and resumes on another connection. */
async function reconnect(
  { live }: LiveSetup,
  connection: FakeConnection,
  meanwhile: () => Promise<unknown>,
) {
  const resumable = live.park(connection);
  await meanwhile();
  const next = new FakeConnection(connection.auth.uid);
  const begin = await live.resume(next, resumable);
  live.releaseParked(resumable);
  begin();
  await settle();
  return next;
}

/** A setup that can write while the store is queried for a window. */
async function setUpWithWriter() {
  const writer: { meanwhile?: (() => Promise<unknown>) | undefined } = {};
  const on = await setUpLive({
    wrap: (store) => ({
      ...bound(store),
      async query(query) {
        const write = writer.meanwhile;
        writer.meanwhile = undefined;
        await write?.();
        return await store.query(query);
      },
    }),
  });
  return { on, writer };
}

describe('[RES2] a resumed query', () => {
  test('receives nothing twice that was written while its window was read', async () => {
    const { on, writer } = await setUpWithWriter();
    await on.create('/users/1', { a: 1 });
    const connection = new FakeConnection();
    on.bus.held = [];
    writer.meanwhile = () => on.set('/users/1', { a: 2 });
    expect(await subscribe(on, connection)).toEqual(['/users/1 2']);
    const next = await reconnect(on, connection, async () => {
      for (const change of on.bus.held ?? []) on.bus.deliver(change);
      on.bus.held = undefined;
      await on.set('/users/1', { a: 3 });
    });
    expect(next.summaries()).toEqual(['snapshot 3']);
  });

  test('[QRY7] receives growing positions, even if it was ahead of the others at first', async () => {
    const { on, writer } = await setUpWithWriter();
    await on.create('/users/1', { a: 1 });
    await on.create('/users/2', { a: 2 });
    const connection = new FakeConnection();
    await subscribe(on, connection, 1);
    const next = await reconnect(on, connection, async () => {
      writer.meanwhile = () => on.set('/users/1', { a: 5 });
    });
    await on.create('/users/3', { a: 0.5 });
    await settle();
    const pushes = next.received();
    expect(pushes.map(({ evt }) => evt)).toEqual(['left', 'entered', 'left', 'created']);
    const positions = pushes.map(({ meta }) => Number(meta?.pos));
    expect(positions).toEqual([...positions].sort((a, b) => a - b));
  });

  test('replays nothing that did not concern it while it was connected', async () => {
    const read: number[] = [];
    const on = await setUpLive({
      wrap: (store) => ({
        ...bound(store),
        async changes(...args) {
          const page = await store.changes(...args);
          read.push(page.entries.length);
          return page;
        },
      }),
    });
    await on.create('/users/1', { a: 1 });
    const connection = new FakeConnection();
    await subscribe(on, connection);
    for (let n = 0; n < 50; n++) await on.create(`/users/x${n}`, { a: -n });
    await settle();
    const next = await reconnect(on, connection, () => on.set('/users/1', { a: 2 }));
    expect(next.summaries()).toEqual(['updated 2']);
    expect(Math.max(...read)).toBe(1);
  });

  test('receives the difference in what it may see now if deleted objects are unknown', async () => {
    const on = await setUpLive({
      models: [modelOf({ read: rule(({ obj, auth }) => obj.b === auth.uid) })],
    });
    for (const n of [1, 2, 3]) await on.create(`/users/${n}`, { a: n, b: 'u1' });
    await on.create('/users/other', { a: 1, b: 'u2' });
    const connection = new FakeConnection('u1');
    expect(await subscribe(on, connection, 2)).toHaveLength(2);
    const next = await reconnect(on, connection, async () => {
      await on.remove('/users/1');
      await on.remove('/users/other');
      await on.set('/users/2', { c: 1 });
    });
    expect(next.summaries()).toEqual(['left 2', 'snapshot 2', 'entered /users/3']);
    expect(on.live.counts().resumableRows).toBe(0);
  });

  test('fails if its rows exceed the limit, as its position alone is not enough', async () => {
    const on = await setUpLive({ limits: { queryRows: 3 } });
    for (const n of [1, 2, 3]) await on.create(`/users/${n}`, { a: n });
    const [first, second] = [new FakeConnection('u1'), new FakeConnection('u2')];
    for (const connection of [first, second]) await subscribe(on, connection, 2);
    const resumable = on.live.park(first);
    expect(on.live.counts().resumableRows).toBe(2);
    // Subscriptions that know the same rows share them; the others need room.
    await on.set('/users/1', { b: 1 });
    await settle();
    const next = await reconnect(on, second, () => on.remove('/users/1'));
    expect(next.received()).toMatchObject([{ evt: 'failed', error: { message: 'position.gone' } }]);
    on.live.releaseParked(resumable);
    expect(on.live.counts().resumableRows).toBe(0);
  });
});
