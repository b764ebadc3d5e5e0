import { describe, expect, test } from 'vitest';
import {
  added,
  client,
  heardBy,
  liveObject,
  r,
  snapshot,
  subscribed,
  type Untyped,
  world,
} from './live-copy.fixture.js';

describe('lists', () => {
  const item = (id: number, n: number, rev = 1) => ({ _r: `/a/${id}`, _rev: rev, n });
  const items = (...bodies: object[]) => ({
    r: '/a/*',
    meta: { subscription: 'q1', view: 'v' },
    body: { items: bodies.map((body) => ({ meta: { fields: [] }, body })) },
  });
  const push = (evt: string, members: object, pos = 'p') => ({
    ...{ evt, r: '/a/*', ...members },
    meta: { opBy: { uid: 'x' }, subscription: 'q1', pos },
  });
  const ns = (list: { value: readonly Untyped[] | undefined }) => list.value?.map(({ n }) => n);

  async function liveList(...bodies: object[]) {
    const live = client.live(client.collection('/a'), { filter: 'n > 0', sort: 'n', limit: 3 });
    const heard: unknown[] = [];
    live.subscribe((value, change) => heard.push([change.kind, value?.map(({ n }) => n)]));
    await world.settle();
    world.socket.answer('read', items(...bodies));
    return { live, heard };
  }

  test('[TSC4] a live list of some fields has those of its order, too', async () => {
    const query = { fields: ['title'], sort: ['-n', '_rev', 'title'] };
    const live = client.live(client.collection('/a'), query);
    await world.settle();
    expect(world.socket.last('read').cmdOpts.fields).toEqual(['title', 'n']);
    world.socket.answer('read', items(item(1, 5), item(2, 7)));
    expect(ns(live)).toEqual([7, 5]);
  });

  test('[TSC4] a live list follows its window, in its order', async () => {
    const { live, heard } = await liveList(item(1, 5), item(2, 7));
    expect(world.socket.last('read').cmdOpts).toEqual({
      ...{ sort: 'n', limit: 3, subscribe: true },
      query: { filter: 'n > 0' },
    });
    world.socket.say(push('created', { body: item(3, 6) }));
    world.socket.say(push('updated', { r, rev: 2, body: { n: { op: 'set', opValue: 9 } } }));
    world.socket.say(push('entered', { body: item(4, 1, 8) }));
    world.socket.say(push('left', { r, rev: 2 }));
    expect(heard).toEqual([
      ['snapshot', [5, 7]],
      ['created', [5, 6, 7]],
      ['updated', [6, 7, 9]],
      ['entered', [1, 6, 7, 9]],
      ['left', [1, 6, 7]],
    ]);
    const before = live.getSnapshot();
    world.socket.say(
      push('updated', { r: '/a/3', rev: 2, body: { n: { op: 'set', opValue: 6.5 } } }),
    );
    // The objects that did not change are the same ones.
    expect(live.value?.[0]).toBe(before.value?.[0]);
    expect(live.value?.[1]).not.toBe(before.value?.[1]);
  });

  test('[TSC9] a list or an object that is refused for good is on the console, one that is not there is not', async () => {
    const list = client.live(client.collection('/a'), { filter: 'm > 0' });
    const [live, missing] = ['/b/1', '/b/2'].map((r) => client.live(client.object(r)));
    await world.settle();
    const errors = { filter: ['unknown field m at 1'] };
    const error = { code: 409, message: 'query.invalid', errors };
    world.socket.answer('read', { r: '/a/*', error });
    const failures = [
      { r: '/b/1', error: { code: 403, message: 'forbidden' } },
      { r: '/b/2', error: { code: 404, message: 'object.missing' } },
    ];
    world.socket.answer('subscribe', { body: { subscriptions: [], failures } });
    expect([list, live, missing].map((copy) => copy?.status)).toEqual([
      'failed',
      'failed',
      'failed',
    ]);
    expect(world.warnings).toEqual([
      'really: /a/*: query.invalid {"filter":["unknown field m at 1"]}',
      'really: /b/1: forbidden {}',
    ]);
  });

  test('[TSC4] whichever object of a list changes, it is put where the order wants it, and the others stay', async () => {
    // Equal values are in the order of the ids.
    const ids = [0, 1, 2, 3, 4, 5, 6];
    const { live } = await liveList(...ids.map((id) => item(id, 1 + (id % 3))));
    for (let step = 0; step < 60; step++) {
      const [id, rev] = [(step * 5) % ids.length, Math.floor(step / ids.length) + 2];
      const n = 1 + ((step * 3) % 11) / 2;
      const before = live.value ?? [];
      const body = { n: { op: 'set', opValue: n } };
      world.socket.say(push('updated', { r: `/a/${id}`, rev, body }));
      const after = live.value ?? [];
      const other = ({ _r }: Untyped) => _r !== `/a/${id}`;
      expect(after.filter(other)).toEqual(before.filter(other));
      expect(after.every((object) => !other(object) || before.includes(object))).toBe(true);
      expect(after.find((object) => !other(object))).toMatchObject({ n, _rev: rev });
      const key = ({ n, _r }: Untyped) => `${String(n).padEnd(4)} ${_r}`;
      expect(after.map(key)).toEqual(after.map(key).sort());
    }
  });

  test('[TSC4] an object of lists and of its own subscription is one copy, one revision applied once', async () => {
    const { live: list, heard } = await liveList(item(1, 5, 3));
    const { live } = await liveObject();
    expect(list.value?.[0]).toBe(live.value);
    const before = heard.length;
    world.socket.say(added(4, 6));
    expect([ns(list), list.value?.[0]]).toEqual([[6], live.value]);
    world.socket.say(push('updated', { r, rev: 4, body: added(4, 6).body }));
    expect(heard.slice(before)).toEqual([['updated', [6]]]);
  });

  test('[TSC4] an object that a list has, and that an own deletion hides, is known', async () => {
    await liveList(item(1, 5, 3));
    const deleted = client.object(r).delete();
    const live = client.live(client.object(r));
    expect(live.getSnapshot()).toMatchObject({ status: 'live', pending: true, value: undefined });
    world.socket.say(push('updated', { r, rev: 4, body: added(4, 6).body }));
    world.socket.answer('delete', { error: { code: 403, message: 'forbidden' } });
    await expect(deleted.committed).rejects.toThrow('forbidden');
    expect(live.value).toMatchObject({ n: 6, _rev: 4 });
  });

  test('[TSC4] an object that a list has in a later revision does not go back, and is up to date', async () => {
    const { live: list } = await liveList(item(1, 5, 7));
    const live = client.live(client.object(r));
    await world.settle();
    subscribed();
    expect(live.getSnapshot()).toMatchObject({ stale: true, value: { n: 5, _rev: 7 } });
    world.socket.say(snapshot(6, 4));
    expect(live.getSnapshot()).toMatchObject({ stale: false, value: { n: 5, _rev: 7 } });
    world.socket.say(added(7, 5));
    world.socket.say(added(8, 6));
    expect([live.value, ns(list)]).toMatchObject([{ n: 6, _rev: 8 }, [6]]);
  });

  test('[TSC6] not resumed: a list goes on from its position, else it is read again with one reset', async () => {
    const { live, heard } = await liveList(item(1, 5));
    world.socket.say(push('created', { body: item(2, 6) }, 'p7'));
    await world.lose();
    expect(world.socket.last('read').cmdOpts).toMatchObject({ since: 'p7', subscribe: true });
    expect(live.getSnapshot().stale).toBe(true);
    world.socket.answer('read', { meta: { subscription: 'q2', view: 'v' }, body: {} });
    expect(live.getSnapshot().stale).toBe(false);
    world.socket.say({
      ...push('left', { r, rev: 2 }, 'p8'),
      meta: { subscription: 'q2', pos: 'p8' },
    });
    expect(ns(live)).toEqual([6]);
    await world.lose();
    world.socket.answer('read', { error: { code: 410, message: 'position.gone' } });
    expect(world.socket.last('read').cmdOpts).not.toHaveProperty('since');
    world.socket.answer('read', items(item(7, 1), item(2, 6)));
    expect(heard.slice(2)).toEqual([
      ...[
        ['status', [5, 6]],
        ['status', [5, 6]],
        ['left', [6]],
      ],
      ...[
        ['status', [6]],
        ['reset', [1, 6]],
      ],
    ]);
  });

  test('[TSC6] a list whose window the server lost is asked for from the last position', async () => {
    const { live } = await liveList(item(1, 5));
    world.socket.say(push('created', { body: item(2, 6) }, 'p7'));
    const error = { code: 410, message: 'position.gone' };
    world.socket.say({ evt: 'failed', r: '/a/*', error, meta: { subscription: 'q1' } });
    expect(world.socket.last('read').cmdOpts).toMatchObject({ since: 'p7' });
    world.socket.answer('read', { error: { code: 409, message: 'query.invalid' } });
    expect(live.getSnapshot()).toMatchObject({ status: 'failed', error: { code: 409 } });
  });

  test('[TSC3] own writes show in lists, and references are plain as in pushes', async () => {
    const { live } = await liveList({
      ...item(1, 5),
      friend: { value: '/a/2', ref: { _r: '/a/2', _rev: 1 } },
      friends: [{ value: '/a/3', error: { code: 403, message: 'forbidden' } }],
      house: { value: 'x', ref: 1 },
    });
    expect(live.value?.[0]).toMatchObject({
      ...{ friend: '/a/2', friends: ['/a/3'] },
      house: { value: 'x', ref: 1 },
    });
    void client.object(r).update((u) => u.set('n', 50));
    expect(ns(live)).toEqual([50]);
    expect(live.getSnapshot().pending).toBe(true);
    void client.object(r).delete();
    expect(ns(live)).toEqual([]);
  });

  test('[TSC3] a list of fewer fields shows no others, and waits for no push of them', async () => {
    const live = client.live(client.collection('/a'), { fields: ['n'] });
    world.socket.answer('read', items(item(1, 5)));
    void client.object(r).update((u) => u.push('log', 'x'));
    expect(live.getSnapshot()).toMatchObject({ pending: false, value: [{ _r: r, n: 5 }] });
    expect(live.value?.[0]).not.toHaveProperty('log');
    void client.object(r).update((u) => u.addNumber('n', 1).push('log', 'y'));
    expect(live.getSnapshot()).toMatchObject({ pending: true, value: [{ _r: r, n: 6 }] });
    expect(live.value?.[0]).not.toHaveProperty('log');
  });

  test('[TSC3] [TSC6] what is held back for a write in doubt enters when it is shown', async () => {
    const write = client.object(r).update((u) => u.addNumber('n', 1));
    await world.lose();
    const { live, heard } = await liveList(item(1, 5), item(2, 7));
    expect([ns(live), live.getSnapshot().pending]).toEqual([[7], true]);
    world.socket.answer('update', { r, rev: 2 });
    await write;
    expect(heard).toEqual([
      ['snapshot', [7]],
      ['entered', [6, 7]],
    ]);
  });

  test('[TSC4] a deleted object does not come back by a subscription that is behind', async () => {
    const { live, heard } = await liveObject();
    world.socket.say({ evt: 'deleted', r, rev: 4 });
    const { live: list } = await liveList(item(1, 5, 3), item(2, 7));
    expect([live.status, live.value, ns(list)]).toEqual(['deleted', undefined, [7]]);
    world.socket.say(push('left', { r, rev: 4 }));
    expect(heard.map(([kind]: Untyped) => kind)).toEqual(['snapshot', 'deleted']);
  });

  test('[TSC6] an object that is gone when it is subscribed to ends after what a list had of it', async () => {
    await liveList(item(1, 5, 7));
    const live = client.live(client.object(r));
    const heard = heardBy(live);
    await world.settle();
    const failure = { r, error: { code: 410, message: 'object.gone' } };
    world.socket.answer('subscribe', { body: { subscriptions: [], failures: [failure] } });
    expect(heard).toEqual([['deleted', 8, undefined]]);
  });

  test('[TSC4] the same query is one subscription; another, or other fields, is one of its own', async () => {
    const { live } = await liveList(item(1, 5));
    const same = client.live(client.collection('/a'), { limit: 3, sort: 'n', filter: 'n > 0' });
    const less = client.live(client.collection('/a'), { fields: ['n'] });
    await world.settle();
    expect(world.socket.all('read')).toHaveLength(2);
    expect(same.value).toBe(live.value);
    world.socket.answer('read', {
      ...items({ _r: r, _rev: 2, n: 8 }),
      meta: { subscription: 'q2', view: 'v' },
    });
    // What a subscription to fewer fields says is not all that there is.
    expect([ns(live), ns(less)]).toEqual([[5], [8]]);
    less.close();
    expect(world.socket.last('unsubscribe').body).toEqual({ subscriptions: ['q2'] });
    live.close();
    same.close();
    expect(world.socket.last('unsubscribe').body).toEqual({ subscriptions: ['q1'] });
  });
});
