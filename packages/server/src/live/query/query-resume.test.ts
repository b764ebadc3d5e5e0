import { bindRql, parseRql } from '@really/protocol';
import { describe, expect, test } from 'vitest';
import {
  bound,
  FakeConnection,
  type LiveSetup,
  type LiveSetupOptions,
  modelOf,
  readsAll,
  rule,
  settle,
  setUpLive,
} from '../live.fixture.js';

const scope = { names: ['users'], parents: [] };

async function subscribe(
  { live }: LiveSetup,
  connection: FakeConnection,
  limit = 10,
  since?: string,
) {
  const order = { keys: [{ field: 'a', descending: false }] };
  const filter = bindRql(parseRql('a > 0'), {});
  const request = { r: '/users/*', scope, order, limit, filter, since };
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

type Writing = () => Promise<unknown>;

/**
 * A setup that can write while the store is queried for a window (`meanwhile`), or before a page of
 * changes is read (`beforeChanges`).
 */
async function setUpWithWriter(options: LiveSetupOptions = {}) {
  const writer: { [moment in 'meanwhile' | 'beforeChanges']?: Writing | undefined } = {};
  const write = async (moment: keyof typeof writer) => {
    const writing = writer[moment];
    writer[moment] = undefined;
    await writing?.();
  };
  const on = await setUpLive({
    ...options,
    wrap: (store) => ({
      ...bound(store),
      async query(query) {
        await write('meanwhile');
        return await store.query(query);
      },
      async changes(...args) {
        await write('beforeChanges');
        return await store.changes(...args);
      },
    }),
  });
  return { on, writer };
}

async function deliverHeld({ bus }: LiveSetup) {
  for (const change of bus.held ?? []) bus.deliver(change);
  bus.held = undefined;
  await settle();
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

  test('[QRY7] ahead of the others, misses nothing that is written while their window is read', async () => {
    const { on, writer } = await setUpWithWriter();
    await on.create('/users/1', { a: 1 });
    const [other, connection] = [new FakeConnection(), new FakeConnection()];
    await subscribe(on, other);
    await subscribe(on, connection);
    on.bus.held = [];
    const next = await reconnect(on, connection, () => on.set('/users/1', { a: 2 }));
    writer.meanwhile = () => on.set('/users/1', { a: 3 });
    await subscribe(on, new FakeConnection());
    await deliverHeld(on);
    for (const one of [next, other]) {
      const last = one.summaries().at(-1) ?? '';
      expect(last.split(' ').at(-1)).toBe('3');
    }
  });

  test('[QRY8] ahead of the others, is told what ended before they had heard of it', async () => {
    const { on, writer } = await setUpWithWriter();
    await on.create('/users/1', { a: 1 });
    await on.create('/users/2', { a: -1 });
    const [other, connection] = [new FakeConnection(), new FakeConnection()];
    await subscribe(on, other);
    await subscribe(on, connection);
    on.bus.held = [];
    const next = await reconnect(on, connection, async () => {
      writer.beforeChanges = () => on.set('/users/2', { a: 2 });
    });
    expect(next.summaries()).toEqual(['entered /users/2']);
    await on.set('/users/2', { a: -2 });
    await subscribe(on, new FakeConnection());
    await deliverHeld(on);
    expect(next.summaries()).toEqual(['left 3']);
    expect(other.summaries()).toEqual([]);
  });

  test('[QRY8] is told what ended while its own history was read, too', async () => {
    const { on, writer } = await setUpWithWriter();
    await on.create('/users/1', { a: 1 });
    await on.create('/users/2', { a: -1 });
    const connection = new FakeConnection();
    await subscribe(on, connection);
    on.bus.held = [];
    const next = await reconnect(on, connection, async () => {
      writer.beforeChanges = async () => {
        await on.set('/users/2', { a: 2 });
        writer.meanwhile = async () => {
          await on.set('/users/2', { a: -2 });
          await subscribe(on, new FakeConnection());
        };
      };
    });
    await deliverHeld(on);
    expect(next.summaries()).toEqual(['entered /users/2', 'left 3']);
  });

  test('[QRY6] is not sent what took an object away while the pages of the log were read', async () => {
    const read = rule(({ obj, auth }) => obj.b === auth.uid);
    const { on, writer } = await setUpWithWriter({ models: [modelOf({ read })] });
    await on.create('/users/1', { a: 1, b: 'u1' });
    const connection = new FakeConnection('u1');
    await subscribe(on, connection);
    const next = await reconnect(on, connection, async () => {
      await on.set('/users/1', { a: 2 });
      // Together they fill the first page.
      for (let n = 1; n < 256; n++) await on.create(`/users/x${n}`, { a: -n, b: 'u2' });
      writer.beforeChanges = async () => {
        writer.beforeChanges = () => on.set('/users/1', { a: 3, b: 'u2' });
      };
    });
    expect(next.summaries()).toEqual(['left 2']);
  });

  test('[QRY8] is not taken for another that was sent more at its position', async () => {
    const { on, writer } = await setUpWithWriter();
    for (const n of [1, 2, 3]) await on.create(`/users/${n}`, { a: n });
    const [another, connection] = [new FakeConnection(), new FakeConnection()];
    await subscribe(on, another, 10);
    await subscribe(on, connection, 5);
    await on.create('/users/4', { a: 4 });
    await settle();
    const since = connection.receivedRaw().at(-1)?.meta?.pos;
    on.bus.held = [];
    writer.meanwhile = () => on.set('/users/1', { b: 1 });
    await subscribe(on, new FakeConnection(), 10);
    await deliverHeld(on);
    expect(another.summaries()).toEqual(['created /users/4', 'snapshot 2']);
    const resumable = on.live.park(another);
    // Which makes the history useless: only remembered rows could help.
    await on.remove('/users/3');
    await expect(subscribe(on, new FakeConnection(), 10, since)).rejects.toThrow('position.gone');
    on.live.releaseParked(resumable);
  });

  test('[QRY6] is not sent what entered and was taken away again', async () => {
    const read = rule(({ obj, auth }) => obj.b === auth.uid);
    const on = await setUpLive({ models: [modelOf({ read })] });
    for (const n of [1, 2, 3]) await on.create(`/users/${n}`, { a: n, b: 'u1' });
    const connection = new FakeConnection('u1');
    await subscribe(on, connection, 1);
    const next = await reconnect(on, connection, async () => {
      await on.set('/users/1', { a: -1 });
      await on.set('/users/2', { b: 'u2' });
    });
    expect(next.summaries()).toEqual(['left 2', 'entered /users/3']);
  });

  test('[QRY7] cut off before the rest of its window was read, receives it when it comes back', async () => {
    const on = await setUpLive();
    for (let n = 1; n <= 30; n++) await on.create(`/users/${n}`, { a: n });
    const connection = new FakeConnection();
    await subscribe(on, connection, 2);
    const resumable = on.live.park(connection);
    // Those that the window has, and those that are kept in reserve but for one.
    for (let n = 1; n <= 17; n++) await on.set(`/users/${n}`, { a: -n });
    const next = new FakeConnection();
    const begin = await on.live.resume(next, resumable);
    begin();
    const pushes = next.receivedRaw();
    expect(pushes.at(-1)).toMatchObject({ evt: 'left', r: '/users/17' });
    const byHandle = await reconnect(on, next, async () => {});
    expect(byHandle.summaries()).toEqual(['entered /users/19']);
    const byPosition = new FakeConnection();
    await subscribe(on, byPosition, 2, pushes.at(-1)?.meta?.pos);
    expect(byPosition.summaries()).toEqual(['left 2', 'entered /users/19']);
    on.live.releaseParked(resumable);
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

  test('[QRY7] is told what left before, when more changed during the search than it allows for', async () => {
    const { on, writer } = await setUpWithWriter();
    for (const n of [1, 2, 3]) await on.create(`/users/${n}`, { a: 1000 + n });
    const connection = new FakeConnection();
    await subscribe(on, connection, 2);
    await on.set('/users/2', { b: 1 });
    const since = connection.receivedRaw().at(-1)?.meta?.pos;
    const next = new FakeConnection();
    await on.create('/users/0', { a: 1000 });
    // The window of now is read first, then that of `since`.
    writer.meanwhile = async () => {
      writer.meanwhile = async () => {
        for (let n = 1; n <= 100; n++) await on.create(`/users/new${n}`, { a: n });
      };
    };
    await subscribe(on, next, 2, since);
    const rows = new Set(['/users/1', '/users/2']);
    for (const { evt, r, body } of next.received()) {
      if (evt === 'left') rows.delete(r);
      else rows.add(String(body?._r));
    }
    expect([...rows].sort()).toEqual(['/users/new1', '/users/new2']);
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

  test('[QRY4] is not told what changed after a right ended, not even by a revision', async () => {
    const on = await setUpLive({
      models: [modelOf({ read: rule(({ obj, auth }) => obj.b === auth.uid) })],
    });
    for (const n of [1, 2, 3]) await on.create(`/users/${n}`, { a: n, b: 'u1' });
    const connection = new FakeConnection('u1');
    await subscribe(on, connection);
    const next = await reconnect(on, connection, async () => {
      for (const n of [1, 2]) await on.set(`/users/${n}`, { b: 'u2' });
      await on.set('/users/1', { a: 3 });
      // Of what is gone nobody knows whether it was in the window: the difference is sent.
      for (const n of [2, 3]) await on.remove(`/users/${n}`);
    });
    expect(next.received()).toMatchObject([
      { evt: 'left', r: '/users/1', rev: 1 },
      { evt: 'left', r: '/users/2', rev: 1 },
      { evt: 'left', r: '/users/3', rev: 2 },
    ]);
  });

  test('[LIM14] finds its position gone where what it missed, or its window, is too large', async () => {
    // Sixteen pages of three buffers: 48,000 bytes.
    const on = await setUpLive({ limits: { outputBuffer: 1000 } });
    const b = 'x'.repeat(5000);
    for (let n = 1; n <= 5; n++) await on.create(`/users/${n}`, { a: n, b });
    const connection = new FakeConnection();
    await subscribe(on, connection);
    await on.set('/users/1', { a: 2 });
    await settle();
    const since = connection.receivedRaw().at(-1)?.meta?.pos;
    await on.set('/users/2', { a: 3 });
    const next = new FakeConnection();
    await subscribe(on, next, 10, since);
    expect(next.summaries()).toEqual(['updated 2']);
    // Not in the window, but read.
    for (let n = 0; n < 9; n++) await on.set('/users/2', { a: -n, b: `${b}${n}` });
    await expect(subscribe(on, new FakeConnection(), 10, since)).rejects.toThrow('position.gone');
    for (let n = 6; n <= 10; n++) await on.create(`/users/${n}`, { a: n, b });
    await settle();
    const later = connection.receivedRaw().at(-1)?.meta?.pos;
    await on.set('/users/3', { a: 4 });
    await expect(subscribe(on, new FakeConnection(), 10, later)).rejects.toThrow('position.gone');
  });

  test('[LIM14] finds its position gone where replaying is too much work', async () => {
    // Its filter costs two comparisons a change.
    const on = await setUpLive({ limits: { windowWorkPerNode: 24 } });
    await on.create('/users/1', { a: 1 });
    const connection = new FakeConnection();
    await subscribe(on, connection);
    await on.set('/users/1', { a: 2 });
    await settle();
    const since = connection.receivedRaw().at(-1)?.meta?.pos;
    on.live.drop(connection);
    for (let n = 0; n < 12; n++) await on.set('/users/1', { a: n + 3 });
    const next = new FakeConnection();
    await subscribe(on, next, 10, since);
    expect(next.summaries()).toHaveLength(12);
    on.live.drop(next);
    await on.set('/users/1', { a: 1 });
    await expect(subscribe(on, new FakeConnection(), 10, since)).rejects.toThrow('position.gone');
  });

  describe('[LIM43] with much to replay', () => {
    /** A position after which there were two hundred changes. */
    async function withMissed(
      change: (on: LiveSetup, n: number) => Promise<unknown>,
      options: LiveSetupOptions = {},
    ) {
      // The clock hurries, but not the time of a query.
      const limits = { queryTime: Number.MAX_SAFE_INTEGER };
      const on = await setUpLive({ isHurried: true, limits, ...options });
      await on.create('/users/0', { a: 1 });
      const connection = new FakeConnection();
      await subscribe(on, connection);
      await on.set('/users/0', { a: 2 });
      await settle();
      const since = connection.receivedRaw().at(-1)?.meta?.pos;
      on.live.drop(connection);
      for (let n = 1; n <= 200; n++) await change(on, n);
      return { on, since };
    }

    test('lets others have their turn after each change', async () => {
      const { on, since } = await withMissed(({ set }, n) => set('/users/0', { a: n }));
      const next = new FakeConnection();
      let isDone = false;
      const done = subscribe(on, next, 10, since).finally(() => {
        isDone = true;
      });
      let turns = 0;
      for (; !isDone; turns++) await new Promise((resolve) => setImmediate(resolve));
      await done;
      expect(turns).toBeGreaterThan(200);
    });

    test('stops when its subscriber leaves', async () => {
      const next = new FakeConnection();
      let judged = 0;
      let pagesRead = 0;
      let judgedBefore: number | undefined;
      const read = rule(() => {
        judged += 1;
        return true;
      }, readsAll);
      const { on, since } = await withMissed(({ create }, n) => create(`/users/${n}`, { a: n }), {
        models: [modelOf({ read })],
        wrap: (store) => ({
          ...bound(store),
          async changes(...args) {
            pagesRead += 1;
            // Once more after the search.
            if (pagesRead === 2) judgedBefore = judged;
            return await store.changes(...args);
          },
        }),
      });
      const done = subscribe(on, next, 10, since).then(
        () => 'done',
        () => 'stopped',
      );
      let isLeaving = false;
      void done.then(() => {
        isLeaving = true;
      });
      while (!isLeaving) {
        await new Promise((resolve) => setImmediate(resolve));
        isLeaving ||= judgedBefore !== undefined && judged > judgedBefore;
      }
      on.live.drop(next);
      expect(await done).toBe('stopped');
      expect(judged - (judgedBefore ?? 0)).toBeLessThan(20);
    });
  });

  test('[LIM44] counts what it read', async () => {
    const on = await setUpLive();
    await on.create('/users/1', { a: 1 });
    const connection = new FakeConnection();
    await subscribe(on, connection);
    await on.set('/users/1', { a: 2 });
    await settle();
    const since = connection.receivedRaw().at(-1)?.meta?.pos;
    await on.create('/users/2', { a: 2, b: 'x'.repeat(50_000) });
    await on.create('/users/3', { a: -2, b: 'x'.repeat(50_000) });
    const charged: number[] = [];
    const charge = (bytes: number) => {
      charged.push(bytes);
      return undefined;
    };
    await subscribe(on, Object.assign(new FakeConnection(), { charge }), 10, since);
    // What was created, as it was and as it is, and the window.
    expect(charged.reduce((sum, bytes) => sum + bytes, 0)).toBeGreaterThan(5 * 50_000);
  });

  test('replays what it missed from several pages of the log', async () => {
    const on = await setUpLive();
    await on.create('/users/1', { a: 1 });
    const connection = new FakeConnection();
    await subscribe(on, connection);
    const b = 'x'.repeat(400_000);
    const next = await reconnect(on, connection, async () => {
      for (let n = 2; n <= 6; n++) await on.create(`/users/${n}`, { a: n, b });
      for (let n = 2; n <= 6; n++) await on.set(`/users/${n}`, { a: n + 1, b: `${b}${n}` });
    });
    const ns = [2, 3, 4, 5, 6];
    const created = ns.map((n) => `created /users/${n}`);
    expect(next.summaries()).toEqual([...created, ...ns.map(() => 'updated 2')]);
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
