import { bindRql, type JsonObject, parseRql } from '@really/protocol';
import { describe, expect, test } from 'vitest';
import type { Epoch } from '../store/store.js';
import {
  Ear,
  itemOf,
  type ModelTraits,
  modelOf,
  numberOf,
  readsAll,
  rule,
  type Stage,
  settle,
  stage,
} from './live.fixture.js';
import { Positions } from './position.js';
import type { WatchRequest } from './query-watch.js';

const r = '/users/1';
const admin = { uid: 'u1', data: { admin: true } };
const reader = { uid: 'u1', data: { admin: false } };

/** Hides `secret` from all but admins. */
const veiled: ModelTraits = {
  preGet: ({ auth }) => (auth.data?.admin ? [] : ['secret']),
  preGetReads: readsAll,
};
/** What is `b` is for admins alone. */
const guarded: ModelTraits = {
  read: rule(({ auth, obj }) => auth.data?.admin === true || obj.b !== 1, readsAll),
};

const viewOf = ({ live }: Stage, ear: Ear) => live.viewOf(['users'], ear.auth) ?? '';

/** Subscribes as a client says it; the first answer and failure, and what was pushed. */
async function subscribe({ live }: Stage, ear: Ear, item: Parameters<typeof itemOf>[0]) {
  const { body, start } = await live.subscribe(ear, [itemOf(item)]);
  start();
  await settle();
  const [made] = (body.subscriptions ?? []) as { view?: string }[];
  const [failure] = (body.failures ?? []) as { error: { code: number; message: string } }[];
  return { view: made?.view, error: failure?.error, pushes: ear.exactly() };
}

async function watch({ live }: Stage, ear: Ear, more: Partial<WatchRequest> = {}) {
  const scope = { names: ['users'], parents: [] };
  const order = { field: '_r', descending: false };
  const watched = await live.watch(ear, { r: '/users/*', scope, order, limit: 10, ...more });
  watched.start();
  await settle();
  return watched;
}

const told = (pushes: readonly { evt: string; r: string; body?: JsonObject }[]) =>
  pushes.map((push) => `${push.evt} ${push.body?._r ?? push.r}`);

describe('[VIEW1] a view', () => {
  test('is one for all where rights look at nobody, and one for each where they look at the token', async () => {
    const open = await stage();
    expect(viewOf(open, new Ear(admin))).toBe(viewOf(open, new Ear('somebody')));
    const on = await stage({ models: [modelOf(veiled)] });
    expect(viewOf(on, new Ear(admin))).toMatch(/^[\w-]{16}$/);
    expect(viewOf(on, new Ear(admin))).toBe(viewOf(on, new Ear({ ...admin })));
    expect(viewOf(on, new Ear(admin))).not.toBe(viewOf(on, new Ear(reader)));
  });

  test('is the same after a restart, and another one with another store, model or version', async () => {
    const on = await stage({ models: [modelOf(veiled)] });
    const same = await stage({ models: [modelOf(veiled)], wrap: () => on.store });
    const now = viewOf(on, new Ear(reader));
    expect(viewOf(same, new Ear(reader))).toBe(now);
    const others: ModelTraits[] = [
      { ...veiled, digest: 'a rule changed' },
      { ...veiled, version: 2, digest: '1' },
    ];
    const epoch: Epoch = { ...on.store.epoch, id: '0'.repeat(16) };
    const stages = [
      await stage({ models: [modelOf(veiled)], wrap: () => proxied(on.store, epoch) }),
      ...(await Promise.all(
        others.map((one) => stage({ models: [modelOf(one)], wrap: () => on.store })),
      )),
    ];
    const views = stages.map((one) => viewOf(one, new Ear(reader)));
    expect(new Set([now, ...views]).size).toBe(4);
  });

  test('cannot be worked out without what the store keeps to itself', async () => {
    const on = await stage({ models: [modelOf(veiled)] });
    const epoch: Epoch = { ...on.store.epoch, secret: '0'.repeat(32) };
    const other = await stage({ models: [modelOf(veiled)], wrap: () => proxied(on.store, epoch) });
    expect(viewOf(other, new Ear(reader))).not.toBe(viewOf(on, new Ear(reader)));
  });

  test('comes with answers and snapshots, and with the first push after it has changed', async () => {
    const on = await stage({ models: [modelOf(veiled)] });
    await on.create(r, { a: 1, secret: 1 });
    const ear = new Ear(reader);
    const first = viewOf(on, ear);
    const { view, pushes } = await subscribe(on, ear, r);
    expect([view, pushes[0]?.meta?.view]).toEqual([first, first]);
    await subscribe(on, ear, '/users');
    expect((await watch(on, ear)).view).toBe(first);
    await on.set(r, { a: 2 });
    await on.create('/users/2', {});
    expect(ear.exactly().flatMap(({ meta }) => meta?.view ?? [])).toEqual([]);
    ear.auth = { uid: 'u1', data: { admin: false, other: true } };
    on.live.reauthorized(ear);
    await settle();
    const second = viewOf(on, ear);
    expect(second).not.toBe(first);
    expect(ear.exactly()).toEqual([]);
    for (const expected of [second, undefined]) {
      await on.set(r, { a: 3 });
      await on.create(`/users/${expected ? 3 : 4}`, {});
      const heard = ear.exactly();
      expect(told(heard).sort()).toEqual(
        [
          `created /users/${expected ? 3 : 4}`,
          `created /users/${expected ? 3 : 4}`,
          'updated /users/1',
          'updated /users/1',
        ].sort(),
      );
      // Of the window the second of the two pushes knows of it already.
      const news = heard.map(({ meta }) => meta?.view).filter((one) => one !== undefined);
      expect(news).toEqual(expected ? [second, second, second] : []);
    }
  });
});

function proxied(store: Stage['store'], epoch: Epoch): Stage['store'] {
  return new Proxy(store, {
    get(target, name) {
      if (name === 'epoch') return epoch;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

describe('[VIEW2] an object from a revision', () => {
  test('under the same view: what came since; under another: a snapshot, whatever the revision', async () => {
    const on = await stage({ models: [modelOf(veiled)] });
    await on.create(r, { a: 1, secret: 1 });
    await on.set(r, { a: 2 });
    const view = viewOf(on, new Ear(reader));
    const from = async (rev: number, seen: string | undefined) => {
      const { pushes, error } = await subscribe(on, new Ear(admin), { r, rev, view: seen });
      return error?.message ?? pushes.map((push) => `${push.evt} ${push.rev}`).join();
    };
    const own = viewOf(on, new Ear(admin));
    expect(await from(1, own)).toBe('updated 2');
    expect(await from(2, own)).toBe('');
    expect(await from(3, own)).toBe('object.revision.unknown');
    for (const rev of [1, 2, 3, 1000]) expect(await from(rev, view)).toBe('snapshot 2');
    expect(await from(2, 'garbage')).toBe('snapshot 2');
    expect(await from(2, '')).toBe('snapshot 2');
    // Who hides something does not know what a revision alone was seen as.
    expect(await from(2, undefined)).toBe('snapshot 2');
    expect(await from(3, undefined)).toBe('object.revision.unknown');
  });

  test('without a view is enough where nothing is hidden and the store never was another one', async () => {
    const on = await stage();
    await on.create(r, { a: 1 });
    await on.set(r, { a: 2 });
    const later = { ...on.store.epoch, isFirst: false };
    const restored = await stage({ wrap: () => proxied(on.store, later) });
    const from = async (at: Stage) =>
      told((await subscribe(at, new Ear(), { r, rev: 1 })).pushes).join();
    expect([await from(on), await from(restored)]).toEqual([
      'updated /users/1',
      'snapshot /users/1',
    ]);
  });

  test('that was deleted since is told as deleted, under another view too', async () => {
    const on = await stage({ models: [modelOf(veiled)] });
    await on.create(r, { a: 1 });
    await on.remove(r);
    const other = viewOf(on, new Ear(reader));
    const { pushes } = await subscribe(on, new Ear(admin), { r, rev: 2, view: other });
    expect(told(pushes)).toEqual(['deleted /users/1']);
    const own = viewOf(on, new Ear(admin));
    const { error } = await subscribe(on, new Ear(admin), { r, rev: 2, view: own });
    expect(error).toMatchObject({ code: 410, message: 'object.gone' });
  });
});

describe('[VIEW3] a position', () => {
  test('of another view is gone, for collections and windows; one that is none is refused', async () => {
    const on = await stage({ models: [modelOf(guarded)] });
    const ear = new Ear(reader);
    await subscribe(on, ear, '/users');
    await watch(on, ear);
    await on.create(r, { a: 1 });
    const [created, window] = ear.exactly().map(({ meta }) => meta?.pos ?? '');
    const gone = { code: 410, message: 'position.gone' };
    for (const pos of [created, window]) {
      expect((await subscribe(on, new Ear(reader), { r: '/users', pos })).error).toBeUndefined();
      expect((await subscribe(on, new Ear(admin), { r: '/users', pos })).error).toMatchObject(gone);
      await watch(on, new Ear(reader), { since: pos });
      await expect(watch(on, new Ear(admin), { since: pos })).rejects.toMatchObject(gone);
    }
    const view = viewOf(on, new Ear(reader));
    const [digits, seal = ''] = created?.split('.') ?? [];
    const earlier = `${(Number.parseInt(digits ?? '', 36) - 1).toString(36)}.${seal}`;
    // Of servers that knew of no views, or of no seals, or made up.
    for (const pos of ['1', `${digits}.${view}`, `zzzzzz.${view}`, `0.${view}`, earlier]) {
      expect((await subscribe(on, new Ear(reader), { r: '/users', pos })).error).toMatchObject(
        gone,
      );
      await expect(watch(on, new Ear(reader), { since: pos })).rejects.toMatchObject(gone);
    }
    for (const pos of ['', 'x', '-1', '1.', `1.${view}x`, `.${view}`, `1 .${view}`, '1e3', 'é']) {
      const { error } = await subscribe(on, new Ear(reader), { r: '/users', pos });
      expect([pos, error?.code]).toEqual([pos, 400]);
      await expect(watch(on, new Ear(reader), { since: pos })).rejects.toMatchObject({ code: 400 });
    }
  });

  test('never goes back, while a difference is told that says so by several pushes', async () => {
    const on = await stage({ models: [modelOf(guarded)] });
    for (const id of [1, 2, 3, 4]) await on.create(`/users/${id}`, { b: id % 2 });
    const ear = new Ear(reader);
    await watch(on, ear);
    await on.create('/users/5', {});
    const positions = ear.exactly().map(({ meta }) => meta?.pos ?? '');
    const before = viewOf(on, ear);
    ear.auth = admin;
    on.live.reauthorized(ear);
    await settle();
    const difference = ear.exactly();
    expect(told(difference)).toEqual(['entered /users/1', 'entered /users/3']);
    positions.push(...difference.map(({ meta }) => meta?.pos ?? ''));
    await on.reload(modelOf({ ...guarded, digest: 'other' }));
    await on.create('/users/6', {});
    positions.push(...ear.exactly().flatMap(({ meta }) => meta?.pos ?? []));
    const numbers = positions.map((pos) => Number(numberOf(pos)));
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect(numbers.length).toBe(4);
    // Who is cut off after the first push of the difference is not told to have heard all of it.
    const all = new Positions(() => on.store.epoch);
    expect(all.read(positions[1] ?? '', before, '').view).toBe(before);
    expect(() => all.read(positions[2] ?? '', before, '')).toThrow('position.gone');
  });

  test('of a window goes on exactly where a deleted object may be known to have been in it', async () => {
    const on = await stage();
    for (const id of [1, 2, 3]) await on.create(`/users/${id}`, { a: id });
    const ear = new Ear();
    const filter = bindRql(parseRql('a >= 1'), {});
    const windows: Partial<WatchRequest>[] = [{ limit: 2 }, { limit: 2, filter }];
    for (const one of windows) await watch(on, ear, one);
    await on.set('/users/2', { b: 1 });
    const positions = ear.exactly().map(({ meta }) => meta?.pos ?? '');
    await on.create('/users/0', { a: 0 });
    await on.remove('/users/1');
    await on.remove('/users/3');
    const plain = new Ear();
    await watch(on, plain, { ...windows[0], since: positions[0] });
    // 3 never was among the first two.
    const pushes = plain.heard().map((push) => `${push.evt} ${push.body?._r ?? push.r}`);
    expect(pushes.filter((one) => one === 'left /users/3')).toEqual([]);
    expect(fold(['/users/1', '/users/2'], pushes)).toEqual(['/users/0', '/users/2']);
    const since = positions[1];
    await expect(watch(on, new Ear(), { ...windows[1], since })).rejects.toThrow('position.gone');
  });

  test('[QRY8] of a window goes on as long as a connection that heard as much is remembered', async () => {
    const on = await stage();
    for (const id of [1, 2, 3]) await on.create(`/users/${id}`, { a: id });
    const ear = new Ear();
    const asked = { limit: 2, filter: bindRql(parseRql('a >= 1'), {}) };
    await watch(on, ear, asked);
    await on.set('/users/2', { b: 1 });
    const since = ear.exactly()[0]?.meta?.pos;
    const parked = on.live.park(ear);
    await on.remove('/users/1');
    await on.remove('/users/3');
    const again = new Ear();
    await watch(on, again, { ...asked, since });
    expect(told(again.exactly())).toEqual(['left /users/1']);
    on.live.forget(parked);
    await expect(watch(on, new Ear(), { ...asked, since })).rejects.toThrow('position.gone');
  });
});

/** The names in a window after pushes, in their order. */
function fold(names: readonly string[], pushes: readonly string[]): string[] {
  const held = new Set(names);
  for (const push of pushes) {
    const [evt, name = ''] = push.split(' ');
    if (evt === 'left') expect(held.delete(name), push).toBe(true);
    else held.add(name);
  }
  return [...held].sort();
}
