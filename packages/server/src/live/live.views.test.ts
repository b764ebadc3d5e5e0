import { bindRql, type JsonObject, parseRql } from '@really/protocol';
import { describe, expect, test } from 'vitest';
import { loaded } from '../model/models.fixture.js';
import type { Epoch } from '../store/store.js';
import {
  FakeConnection,
  type FakeModelOptions,
  itemOf,
  type LiveSetup,
  modelOf,
  numberOf,
  readsAll,
  rule,
  settle,
  setUpLive,
} from './live.fixture.js';
import { Positions } from './position.js';
import type { QuerySubscribeRequest } from './query/query-subscriptions.js';

const r = '/users/1';
const admin = { uid: 'u1', data: { admin: true } };
const reader = { uid: 'u1', data: { admin: false } };

/** Hides `secret` from all but admins. */
const veiled: FakeModelOptions = {
  preGet: ({ auth }) => (auth.data?.admin ? [] : ['secret']),
  preGetReads: readsAll,
};
/** Objects with `b` are for admins only. */
const guarded: FakeModelOptions = {
  read: rule(({ auth, obj }) => auth.data?.admin === true || obj.b !== 1, readsAll),
};

const viewOf = ({ live }: LiveSetup, connection: FakeConnection) =>
  live.viewOf(['users'], connection.auth) ?? '';

/** Subscribes like a client; returns the first result and failure, and the pushes. */
async function subscribe(
  { live }: LiveSetup,
  connection: FakeConnection,
  item: Parameters<typeof itemOf>[0],
) {
  const { subscriptions, failures, start } = await live.subscribe(connection, [itemOf(item)]);
  start();
  await settle();
  const [subscription] = subscriptions;
  const [failure] = failures;
  return { view: subscription?.view, error: failure?.error, pushes: connection.receivedRaw() };
}

async function subscribeQuery(
  { live }: LiveSetup,
  connection: FakeConnection,
  more: Partial<QuerySubscribeRequest> = {},
) {
  const scope = { names: ['users'], parents: [] };
  const order = { keys: [{ field: '_r', descending: false }] };
  const subscribed = await live.subscribeQuery(connection, {
    r: '/users/*',
    scope,
    order,
    limit: 10,
    ...more,
  });
  subscribed.start();
  await settle();
  return subscribed;
}

const summaries = (pushes: readonly { evt: string; r: string; body?: JsonObject }[]) =>
  pushes.map((push) => `${push.evt} ${push.body?._r ?? push.r}`);

describe('[VIEW1] a view', () => {
  test('is shared by all if rights do not depend on the token, and otherwise differs by token', async () => {
    const open = await setUpLive();
    expect(viewOf(open, new FakeConnection(admin))).toBe(
      viewOf(open, new FakeConnection('somebody')),
    );
    const on = await setUpLive({ models: [modelOf(veiled)] });
    expect(viewOf(on, new FakeConnection(admin))).toMatch(/^[\w-]{16}$/);
    expect(viewOf(on, new FakeConnection(admin))).toBe(
      viewOf(on, new FakeConnection({ ...admin })),
    );
    expect(viewOf(on, new FakeConnection(admin))).not.toBe(viewOf(on, new FakeConnection(reader)));
  });

  test('survives a restart, and changes with the store, model or version', async () => {
    const on = await setUpLive({ models: [modelOf(veiled)] });
    const same = await setUpLive({ models: [modelOf(veiled)], wrap: () => on.store });
    const now = viewOf(on, new FakeConnection(reader));
    expect(viewOf(same, new FakeConnection(reader))).toBe(now);
    const others: FakeModelOptions[] = [
      { ...veiled, digest: 'a rule changed' },
      { ...veiled, version: 2, digest: '1' },
    ];
    const epoch: Epoch = { ...on.store.epoch, id: '0'.repeat(16) };
    const setups = [
      await setUpLive({ models: [modelOf(veiled)], wrap: () => proxied(on.store, epoch) }),
      ...(await Promise.all(
        others.map((item) => setUpLive({ models: [modelOf(item)], wrap: () => on.store })),
      )),
    ];
    const views = setups.map((item) => viewOf(item, new FakeConnection(reader)));
    expect(new Set([now, ...views]).size).toBe(4);
  });

  test('cannot be computed without the secret of the epoch', async () => {
    const on = await setUpLive({ models: [modelOf(veiled)] });
    const epoch: Epoch = { ...on.store.epoch, secret: '0'.repeat(32) };
    const other = await setUpLive({
      models: [modelOf(veiled)],
      wrap: () => proxied(on.store, epoch),
    });
    expect(viewOf(other, new FakeConnection(reader))).not.toBe(
      viewOf(on, new FakeConnection(reader)),
    );
  });

  test('is in responses and snapshots, and in the first push after a change', async () => {
    const on = await setUpLive({ models: [modelOf(veiled)] });
    await on.create(r, { a: 1, secret: 1 });
    const connection = new FakeConnection(reader);
    const first = viewOf(on, connection);
    const { view, pushes } = await subscribe(on, connection, r);
    expect([view, pushes[0]?.meta?.view]).toEqual([first, first]);
    await subscribe(on, connection, '/users');
    expect((await subscribeQuery(on, connection)).view).toBe(first);
    await on.set(r, { a: 2 });
    await on.create('/users/2', {});
    expect(connection.receivedRaw().flatMap(({ meta }) => meta?.view ?? [])).toEqual([]);
    connection.auth = { uid: 'u1', data: { admin: false, other: true } };
    on.live.authChanged(connection);
    await settle();
    const second = viewOf(on, connection);
    expect(second).not.toBe(first);
    expect(connection.receivedRaw()).toEqual([]);
    for (const expected of [second, undefined]) {
      await on.set(r, { a: 3 });
      await on.create(`/users/${expected ? 3 : 4}`, {});
      const received = connection.receivedRaw();
      expect(summaries(received).sort()).toEqual(
        [
          `created /users/${expected ? 3 : 4}`,
          `created /users/${expected ? 3 : 4}`,
          'updated /users/1',
          'updated /users/1',
        ].sort(),
      );
      // The second push of the window does not repeat its view.
      const views = received.map(({ meta }) => meta?.view).filter((item) => item !== undefined);
      expect(views).toEqual(expected ? [second, second, second] : []);
    }
  });
});

function proxied(store: LiveSetup['store'], epoch: Epoch): LiveSetup['store'] {
  return new Proxy(store, {
    get(target, name) {
      if (name === 'epoch') return epoch;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

describe('[VIEW2] an object from a revision', () => {
  test('under the same view: a replay; under another one: a snapshot, whatever the revision', async () => {
    const on = await setUpLive({ models: [modelOf(veiled)] });
    await on.create(r, { a: 1, secret: 1 });
    await on.set(r, { a: 2 });
    const view = viewOf(on, new FakeConnection(reader));
    const from = async (rev: number, seen: string | undefined) => {
      const { pushes, error } = await subscribe(on, new FakeConnection(admin), {
        r,
        rev,
        view: seen,
      });
      return error?.message ?? pushes.map((push) => `${push.evt} ${push.rev}`).join();
    };
    const own = viewOf(on, new FakeConnection(admin));
    expect(await from(1, own)).toBe('updated 2');
    expect(await from(2, own)).toBe('');
    expect(await from(3, own)).toBe('object.revision.unknown');
    for (const rev of [1, 2, 3, 1000]) expect(await from(rev, view)).toBe('snapshot 2');
    expect(await from(2, 'garbage')).toBe('snapshot 2');
    expect(await from(2, '')).toBe('snapshot 2');
    // If fields can be hidden, a revision alone does not say what was visible.
    expect(await from(2, undefined)).toBe('snapshot 2');
    expect(await from(3, undefined)).toBe('object.revision.unknown');
  });

  test('needs no view if nothing is hidden and the epoch is the first', async () => {
    const on = await setUpLive();
    await on.create(r, { a: 1 });
    await on.set(r, { a: 2 });
    const later = { ...on.store.epoch, isFirst: false };
    const restored = await setUpLive({ wrap: () => proxied(on.store, later) });
    const from = async (at: LiveSetup) =>
      summaries((await subscribe(at, new FakeConnection(), { r, rev: 1 })).pushes).join();
    expect([await from(on), await from(restored)]).toEqual([
      'updated /users/1',
      'snapshot /users/1',
    ]);
  });

  test('that was deleted since is reported as deleted, under another view too', async () => {
    const on = await setUpLive({ models: [modelOf(veiled)] });
    await on.create(r, { a: 1 });
    await on.remove(r);
    const other = viewOf(on, new FakeConnection(reader));
    const { pushes } = await subscribe(on, new FakeConnection(admin), { r, rev: 2, view: other });
    expect(summaries(pushes)).toEqual(['deleted /users/1']);
    const own = viewOf(on, new FakeConnection(admin));
    const { error } = await subscribe(on, new FakeConnection(admin), { r, rev: 2, view: own });
    expect(error).toMatchObject({ code: 410, message: 'object.gone' });
  });
});

describe('[VIEW3] a position', () => {
  test('of another view is gone, for collections and windows; a malformed one is refused', async () => {
    const on = await setUpLive({ models: [modelOf(guarded)] });
    const connection = new FakeConnection(reader);
    await subscribe(on, connection, '/users');
    await subscribeQuery(on, connection);
    await on.create(r, { a: 1 });
    const [created, window] = connection.receivedRaw().map(({ meta }) => meta?.pos ?? '');
    const gone = { code: 410, message: 'position.gone' };
    for (const pos of [created, window]) {
      expect(
        (await subscribe(on, new FakeConnection(reader), { r: '/users', pos })).error,
      ).toBeUndefined();
      expect(
        (await subscribe(on, new FakeConnection(admin), { r: '/users', pos })).error,
      ).toMatchObject(gone);
      await subscribeQuery(on, new FakeConnection(reader), { since: pos });
      await expect(
        subscribeQuery(on, new FakeConnection(admin), { since: pos }),
      ).rejects.toMatchObject(gone);
    }
    const view = viewOf(on, new FakeConnection(reader));
    const [digits, seal = ''] = created?.split('.') ?? [];
    const earlier = `${(Number.parseInt(digits ?? '', 36) - 1).toString(36)}.${seal}`;
    // From servers without views or seals, or forged.
    for (const pos of ['1', `${digits}.${view}`, `zzzzzz.${view}`, `0.${view}`, earlier]) {
      expect(
        (await subscribe(on, new FakeConnection(reader), { r: '/users', pos })).error,
      ).toMatchObject(gone);
      await expect(
        subscribeQuery(on, new FakeConnection(reader), { since: pos }),
      ).rejects.toMatchObject(gone);
    }
    for (const pos of ['', 'x', '-1', '1.', `1.${view}x`, `.${view}`, `1 .${view}`, '1e3', 'é']) {
      const { error } = await subscribe(on, new FakeConnection(reader), { r: '/users', pos });
      expect([pos, error?.code]).toEqual([pos, 400]);
      await expect(
        subscribeQuery(on, new FakeConnection(reader), { since: pos }),
      ).rejects.toMatchObject({
        code: 400,
      });
    }
  });

  test('never goes back while a difference is sent in several pushes', async () => {
    const on = await setUpLive({ models: [modelOf(guarded)] });
    for (const id of [1, 2, 3, 4]) await on.create(`/users/${id}`, { b: id % 2 });
    const connection = new FakeConnection(reader);
    await subscribeQuery(on, connection);
    await on.create('/users/5', {});
    const positions = connection.receivedRaw().map(({ meta }) => meta?.pos ?? '');
    const before = viewOf(on, connection);
    connection.auth = admin;
    on.live.authChanged(connection);
    await settle();
    const difference = connection.receivedRaw();
    expect(summaries(difference)).toEqual(['entered /users/1', 'entered /users/3']);
    positions.push(...difference.map(({ meta }) => meta?.pos ?? ''));
    await on.reload(modelOf({ ...guarded, digest: 'other' }));
    await on.create('/users/6', {});
    positions.push(...connection.receivedRaw().flatMap(({ meta }) => meta?.pos ?? []));
    const numbers = positions.map((pos) => Number(numberOf(pos)));
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect(numbers.length).toBe(4);
    // A client cut off after the first push of the difference must not count as having received all
    // of it.
    const all = new Positions(() => on.store.epoch);
    expect(all.read(positions[1] ?? '', before, '').view).toBe(before);
    expect(() => all.read(positions[2] ?? '', before, '')).toThrow('position.gone');
  });

  test('of a window is not replayed under rights that end before the response', async () => {
    const on = await setUpLive({ models: [modelOf(guarded)] });
    await on.create('/users/1', { b: 1, secret: 1 });
    const connection = new FakeConnection(admin);
    await subscribeQuery(on, connection);
    await on.set('/users/1', { secret: 2 });
    const since = connection.receivedRaw()[0]?.meta?.pos;
    await on.set('/users/1', { secret: 3 });
    const reconnected = new FakeConnection(admin);
    const scope = { names: ['users'], parents: [] };
    const order = { keys: [{ field: '_r', descending: false }] };
    const query = { r: '/users/*', scope, order, limit: 10, since };
    const { start } = await on.live.subscribeQuery(reconnected, query);
    reconnected.auth = reader;
    on.live.authChanged(reconnected);
    start();
    await settle();
    expect(reconnected.summaries()).toEqual(['left 2']);
  });

  test('of a window can be resumed only if it is known whether a deleted object was in it', async () => {
    const on = await setUpLive();
    for (const id of [1, 2, 3]) await on.create(`/users/${id}`, { a: id });
    const connection = new FakeConnection();
    const filter = bindRql(parseRql('a >= 1'), {});
    const windows: Partial<QuerySubscribeRequest>[] = [{ limit: 2 }, { limit: 2, filter }];
    for (const item of windows) await subscribeQuery(on, connection, item);
    await on.set('/users/2', { b: 1 });
    const positions = connection.receivedRaw().map(({ meta }) => meta?.pos ?? '');
    await on.create('/users/0', { a: 0 });
    await on.remove('/users/1');
    await on.remove('/users/3');
    const plain = new FakeConnection();
    await subscribeQuery(on, plain, { ...windows[0], since: positions[0] });
    // 3 was never among the first two.
    const pushes = plain.received().map((push) => `${push.evt} ${push.body?._r ?? push.r}`);
    expect(pushes.filter((item) => item === 'left /users/3')).toEqual([]);
    expect(fold(['/users/1', '/users/2'], pushes)).toEqual(['/users/0', '/users/2']);
    const since = positions[1];
    await expect(
      subscribeQuery(on, new FakeConnection(), { ...windows[1], since }),
    ).rejects.toThrow('position.gone');
  });

  test.each([
    { title: 'in reserve', add: '/users/9', removed: ['/users/1', '/users/3'] },
    { title: 'that was pushed out', add: '/users/0', removed: ['/users/1', '/users/2'] },
  ])('[QRY8] of a window can be resumed after an object was deleted $title', async (item) => {
    const on = await setUpLive();
    for (const id of [1, 2, 3, 4, 5]) await on.create(`/users/${id}`, { a: id });
    const connection = new FakeConnection();
    await subscribeQuery(on, connection, { limit: 2 });
    await on.set('/users/2', { b: 1 });
    const since = connection.receivedRaw()[0]?.meta?.pos;
    await on.create(item.add, { a: 0 });
    for (const r of item.removed) await on.remove(r);
    const reconnected = new FakeConnection();
    await subscribeQuery(on, reconnected, { limit: 2, since });
    const pushes = reconnected.received().map(({ evt, body, r }) => `${evt} ${body?._r ?? r}`);
    const now = new FakeConnection();
    const { hits } = await subscribeQuery(on, now, { limit: 2 });
    const expected = hits.map(({ object }) => object.r).sort();
    expect(fold(['/users/1', '/users/2'], pushes)).toEqual(expected);
  });

  test('[QRY8] of a window can be resumed while a resumable session remembers that position', async () => {
    const on = await setUpLive();
    for (const id of [1, 2, 3]) await on.create(`/users/${id}`, { a: id });
    const connection = new FakeConnection();
    const query = { limit: 2, filter: bindRql(parseRql('a >= 1'), {}) };
    await subscribeQuery(on, connection, query);
    await on.set('/users/2', { b: 1 });
    const since = connection.receivedRaw()[0]?.meta?.pos;
    const resumable = on.live.park(connection);
    await on.remove('/users/1');
    await on.remove('/users/3');
    const reconnected = new FakeConnection();
    await subscribeQuery(on, reconnected, { ...query, since });
    expect(summaries(reconnected.receivedRaw())).toEqual(['left /users/1']);
    on.live.releaseParked(resumable);
    await expect(subscribeQuery(on, new FakeConnection(), { ...query, since })).rejects.toThrow(
      'position.gone',
    );
  });
});

/** The objects in a window after pushes, in order. */
function fold(names: readonly string[], pushes: readonly string[]): string[] {
  const rows = new Set(names);
  for (const push of pushes) {
    const [evt, name = ''] = push.split(' ');
    if (evt === 'left') expect(rows.delete(name), push).toBe(true);
    else rows.add(name);
  }
  return [...rows].sort();
}

test('[SES8] [SUB6] a subscription to a collection ends when a renewed token may not read it', async () => {
  const { models } = await loaded({
    'users/model.yaml': `version: 1
fields: { a: { type: Long } }
access: { read: auth.data.team == "red" || auth.data.team == "blue" }
`,
  });
  const on = await setUpLive({ models: models.all() });
  const connection = new FakeConnection({ uid: 'u1', data: { team: 'red' } });
  const renew = async (team: string) => {
    connection.auth = { uid: 'u1', data: { team } };
    on.live.authChanged(connection);
    await on.settle();
    return connection.received();
  };
  await subscribe(on, connection, '/users');
  expect(await renew('blue')).toEqual([]);
  await on.create('/users/1', { a: 1 });
  expect(summaries(connection.receivedRaw())).toHaveLength(1);
  expect(await renew('none')).toMatchObject([
    { evt: 'failed', r: '/users/*', error: { code: 403, message: 'forbidden' } },
  ]);
  // Also where its first push has not been sent yet.
  connection.auth = { uid: 'u1', data: { team: 'red' } };
  const { start } = await on.live.subscribe(connection, [itemOf('/users')]);
  const failed = await renew('none');
  start();
  await on.settle();
  expect([...failed, ...connection.received()]).toMatchObject([{ evt: 'failed', r: '/users/*' }]);
  expect(on.live.subscribedRs(connection)).toEqual([]);
});
