import { describe, expect, test } from 'vitest';
import {
  added,
  client,
  heardBy,
  liveObject,
  r,
  snapshot,
  subscribed,
  world,
} from './live-copy.fixture.js';

describe('objects', () => {
  test('[TSC4] [TSC10] one subscription and one copy for all listeners, and a snapshot that is stable', async () => {
    const { live, heard } = await liveObject();
    const other = client.live(client.object(r));
    const also = heardBy(other);
    await world.settle();
    expect(world.socket.all('subscribe')).toHaveLength(1);
    expect(other.value).toBe(live.value);
    const before = live.getSnapshot();
    expect(live.getSnapshot()).toBe(before);
    expect(before).toEqual({
      ...{ status: 'live', stale: false, pending: false, error: undefined },
      value: { _r: r, _rev: 3, n: 5 },
    });
    world.socket.say(added(4, 6));
    expect(live.getSnapshot()).not.toBe(before);
    expect(before.value).toEqual({ _r: r, _rev: 3, n: 5 });
    expect(heard).toEqual([
      ['snapshot', 3, 5],
      ['updated', 4, 6],
    ]);
    expect(also).toEqual([['updated', 4, 6]]);
    live.close();
    expect(live.status).toBe('closed');
    expect(world.socket.all('unsubscribe')).toEqual([]);
    other.close();
    expect(world.socket.last('unsubscribe').body).toEqual({ subscriptions: [r] });
    expect(live.value).toMatchObject({ n: 6 });
  });

  test('[TSC4] many objects are subscribed to with one message', async () => {
    for (let at = 0; at < 3; at++) client.live(client.object(`/b/${at}`));
    await world.settle();
    expect(world.socket.last('subscribe').body.subscriptions).toHaveLength(3);
  });

  test('[TSC10] a listener that throws does not stop the others', async () => {
    const { live } = await liveObject();
    const thrown: unknown[] = [];
    const keep = (error: unknown) => thrown.push(error);
    const before = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', keep);
    live.subscribe(() => {
      throw new Error('in a listener');
    });
    const heard = heardBy(live);
    world.socket.say(added(4, 6));
    await world.settle();
    process.removeAllListeners('uncaughtException');
    for (const listener of before) process.on('uncaughtException', listener);
    expect(heard).toEqual([['updated', 4, 6]]);
    expect(thrown).toMatchObject([{ message: 'in a listener' }]);
  });

  test('[TSC6] resumed: nothing is asked for, what was missed follows, nothing is heard twice', async () => {
    const { live, heard } = await liveObject();
    world.socket.say(added(4, 6));
    world.socket.drop();
    expect(live.getSnapshot()).toMatchObject({ status: 'live', stale: true });
    const write = client.object(r).update((u) => u.set('m', 1));
    expect(live.getSnapshot()).toMatchObject({ stale: true, pending: true });
    heard.pop();
    await world.pass(400);
    await world.settle();
    world.socket.open();
    expect(world.socket.last('initialize')).toMatchObject({
      'connection-handle': 'h1',
      received: 2,
    });
    world.socket.initialized({ resumed: true, 'connection-handle': 'h2' });
    await world.settle();
    expect(world.socket.all('subscribe')).toEqual([]);
    expect(write.state).toBe('sent');
    world.socket.say(added(4, 6));
    world.socket.say(added(5, 7));
    expect(live.getSnapshot()).toMatchObject({ stale: false, value: { n: 7 } });
    expect(heard).toEqual([
      ...[
        ['snapshot', 3, 5],
        ['updated', 4, 6],
        ['status', '', 6],
        ['status', '', 6],
      ],
      ['updated', 5, 7],
    ]);
  });

  test('[TSC6] not resumed: it goes on from the revision and view that were heard', async () => {
    const { live, heard } = await liveObject();
    world.socket.say(added(4, 6, { view: 'v2' }));
    await world.lose({ resumed: false, 'connection-handle': 'h2' });
    expect(world.socket.last('subscribe').body.subscriptions).toEqual([{ r, rev: 4, view: 'v2' }]);
    subscribed('v2');
    expect(live.getSnapshot().stale).toBe(false);
    world.socket.say(added(7, 8, { prev: 4 }));
    expect(heard.at(-1)).toEqual(['updated', 7, 8]);
  });

  test('[TSC6] under another view, or in another store, one reset', async () => {
    const { live, heard } = await liveObject();
    await world.lose({ epoch: 'e2' });
    subscribed('v9');
    expect(live.getSnapshot()).toMatchObject({ stale: true, value: { n: 5 } });
    world.socket.say(snapshot(1, 1, 'v9'));
    expect(heard.slice(1)).toEqual([
      ['status', '', 5],
      ['reset', 1, 1],
    ]);
    await world.lose({ epoch: 'e2' });
    expect(world.socket.last('subscribe').body.subscriptions).toEqual([{ r, rev: 1, view: 'v9' }]);
  });

  test('[TSC6] what was deleted is asked for again where the store is another one, and not before', async () => {
    const { live } = await liveObject();
    world.socket.say({ evt: 'deleted', r, rev: 4 });
    await world.lose();
    expect([live.status, world.socket.all('subscribe')]).toEqual(['deleted', []]);
    await world.lose({ epoch: 'e2' });
    expect(live.status).toBe('loading');
    subscribed();
    world.socket.say(snapshot(2, 9));
    expect(live.getSnapshot()).toMatchObject({ status: 'live', stale: false, value: { n: 9 } });
  });

  test('[TSC6] a revision that the server does not know is forgotten', async () => {
    const { live } = await liveObject();
    await world.lose();
    const error = { code: 409, message: 'object.revision.unknown' };
    world.socket.answer('subscribe', { body: { subscriptions: [], failures: [{ r, error }] } });
    await world.settle();
    expect(world.socket.last('subscribe').body.subscriptions).toEqual([{ r }]);
    subscribed();
    world.socket.say(snapshot(2, 9));
    expect(live.value).toMatchObject({ n: 9, _rev: 2 });
  });

  test('[TSC6] a push that does not follow what is known has it fetched again', async () => {
    const { live, heard } = await liveObject();
    world.socket.say(added(9, 11));
    expect(live.value).toMatchObject({ n: 5 });
    await world.settle();
    expect(world.socket.last('unsubscribe').body.subscriptions).toEqual([r]);
    expect(world.socket.last('subscribe').body.subscriptions).toEqual([{ r }]);
    // Of the old subscription.
    world.socket.say(added(10, 12));
    subscribed();
    world.socket.say(snapshot(10, 12));
    expect(heard.slice(1)).toEqual([
      ['status', '', 5],
      ['reset', 10, 12],
    ]);
  });

  test('[TSC6] deleted, failed, and not available for the moment', async () => {
    const { live, heard } = await liveObject();
    world.socket.say({ evt: 'deleted', r, rev: 4, meta: { opBy: { uid: 'x' } } });
    expect(live.getSnapshot()).toMatchObject({ status: 'deleted', value: undefined });
    expect(heard.at(-1)).toEqual(['deleted', 4, undefined]);
    const [secret, busy] = ['/s/1', '/b/1'].map((address) => client.live(client.object(address)));
    await world.settle();
    const failures = [
      { r: '/s/1', error: { code: 403, message: 'forbidden' } },
      { r: '/b/1', error: { code: 503, message: 'server.unavailable' } },
    ];
    world.socket.answer('subscribe', { body: { subscriptions: [], failures } });
    expect(secret?.getSnapshot()).toMatchObject({
      status: 'failed',
      error: { code: 403, retry: 'never', r: '/s/1' },
    });
    expect(busy?.status).toBe('loading');
    await world.pass(1_300);
    expect(world.socket.last('subscribe').body.subscriptions).toEqual([{ r: '/b/1' }]);
    // In a new session the rights may be others.
    await world.lose();
    expect(world.socket.last('subscribe').body.subscriptions).toEqual([
      { r: '/s/1' },
      { r: '/b/1' },
    ]);
  });

  test('[TSC6] a subscription whose answer was lost is given up before it is asked for again', async () => {
    const live = client.live(client.object(r));
    const list = client.live(client.collection('/a'));
    await world.settle();
    await world.lose({ resumed: true, 'connection-handle': 'h2' });
    expect(world.socket.sent.map(({ cmd, body }) => [cmd, body?.subscriptions])).toEqual([
      ['initialize', undefined],
      ...[
        ['unsubscribe', [r]],
        ['subscribe', [{ r }]],
        ['read', undefined],
      ],
    ]);
    // What the server says on them until then is about nothing.
    world.socket.say(snapshot(3, 5));
    world.socket.say({ evt: 'left', r, rev: 2, meta: { subscription: 'q9', pos: 'p' } });
    world.socket.say({ evt: 'left', r, rev: 3, meta: { subscription: 'q9', pos: 'p' } });
    expect(live.value).toBeUndefined();
    expect(world.socket.all('unsubscribe').map(({ body }) => body.subscriptions)).toEqual([
      [r],
      ['q9'],
    ]);
    list.close();
  });

  test('[TSC6] an object that nobody creates is missing, also with a write to it on its way', async () => {
    const live = client.live(client.object('/a/none'));
    void client.object('/a/none').update((u) => u.addNumber('n', 1));
    await world.settle();
    const failures = [{ r: '/a/none', error: { code: 404, message: 'object.missing' } }];
    world.socket.answer('subscribe', { body: { subscriptions: [], failures } });
    world.socket.answer('update', { error: { code: 404, message: 'object.missing' } });
    await world.settle();
    world.socket.answer('subscribe', { body: { subscriptions: [], failures } });
    expect(live.getSnapshot()).toMatchObject({ status: 'failed', error: { code: 404 } });
  });

  test('[TSC6] a missing object that a list brings is subscribed to', async () => {
    const live = client.live(client.object(r));
    await world.settle();
    const failures = [{ r, error: { code: 404, message: 'object.missing' } }];
    world.socket.answer('subscribe', { body: { subscriptions: [], failures } });
    expect(live.status).toBe('failed');
    client.live(client.collection('/a'));
    const items = [{ meta: { fields: [] }, body: { _r: r, _rev: 1, n: 5 } }];
    world.socket.answer('read', { meta: { subscription: 'q1' }, body: { items } });
    await world.settle();
    expect(world.socket.all('subscribe')).toHaveLength(2);
    subscribed();
    const snapshot = { evt: 'snapshot', r, rev: 1, meta: { view: 'v' } };
    world.socket.say({ ...snapshot, body: { _r: r, _rev: 1, n: 5 } });
    expect(live.getSnapshot()).toMatchObject({ status: 'live', stale: false });
  });

  test('[TSC6] another user sees nothing of what the last one saw', async () => {
    const { live } = await liveObject();
    const list = client.live(client.collection('/a'));
    const items = [{ meta: { fields: [] }, body: { _r: r, _rev: 3, n: 5 } }];
    world.socket.answer('read', { meta: { subscription: 'q1' }, body: { items } });
    await world.lose({ user: { uid: 'beno' } });
    for (const { status, value } of [live.getSnapshot(), list.getSnapshot()]) {
      expect([status, value]).toEqual(['loading', undefined]);
    }
    expect(world.socket.last('subscribe').body.subscriptions).toEqual([{ r }]);
    expect(world.socket.last('read').cmdOpts).toEqual({ subscribe: true });
  });

  test('[TSC6] what a listener opens while it hears of another user is asked for', async () => {
    const { live } = await liveObject();
    live.subscribe(() => {
      if (live.status === 'loading') client.live(client.collection('/a'));
    });
    await world.lose({ user: { uid: 'beno' } });
    expect(world.socket.all('read').map((sent) => sent.r)).toEqual(['/a/*']);
  });

  test('[TSC6] an object that a list finds behind while it is asked for is not given up', async () => {
    const list = client.live(client.collection('/a'));
    const items = [{ meta: { fields: [] }, body: { _r: r, _rev: 3, n: 5 } }];
    world.socket.answer('read', { meta: { subscription: 'q1' }, body: { items } });
    const live = client.live(client.object(r));
    await world.settle();
    world.socket.say(added(5, 7, { subscription: 'q1' }));
    list.close();
    await world.settle();
    expect(world.socket.all('unsubscribe').map(({ body }) => body.subscriptions)).toEqual([['q1']]);
    expect(world.socket.all('subscribe')).toHaveLength(1);
    subscribed();
    world.socket.say(snapshot(5, 7));
    world.socket.say(added(6, 8));
    expect(live.getSnapshot()).toMatchObject({ status: 'live', stale: false, value: { n: 8 } });
  });

  test('[TSC6] what was given up while the connection dropped is given up in the next one', async () => {
    const { live } = await liveObject();
    live.close();
    world.socket.drop();
    await world.pass(400);
    const again = client.live(client.object(r));
    await world.settle();
    world.socket.open();
    world.socket.initialized({ resumed: true });
    await world.settle();
    expect(world.socket.sent.slice(1).map(({ cmd }) => cmd)).toEqual(['unsubscribe', 'subscribe']);
    // Of the old subscription: there is nothing to apply it to.
    world.socket.say(added(4, 6));
    subscribed();
    world.socket.say(snapshot(4, 6));
    expect(again.value).toMatchObject({ n: 6 });
  });
});

describe('what the server ended, or what skipped a revision', () => {
  const items = [{ body: { _r: '/b/1', _rev: 3, n: 5 } }];
  const answered = () =>
    world.socket.answer('read', { meta: { subscription: 'q1' }, body: { items } });
  const isStale = (live: { getSnapshot(): { stale: boolean; status: string } }) => {
    const { status, stale } = live.getSnapshot();
    return [status, stale];
  };
  const error = { code: 503, message: 'server.overloaded' };

  test('[TSC10] an object is stale until it is asked for again', async () => {
    const { live } = await liveObject();
    world.socket.say({ evt: 'failed', r, error });
    expect(isStale(live)).toEqual(['live', true]);
    await world.pass(2_000);
    subscribed();
    world.socket.say(snapshot(3, 5));
    expect(isStale(live)).toEqual(['live', false]);
    world.socket.say(added(5, 7));
    expect(isStale(live)).toEqual(['live', true]);
    await world.settle();
    subscribed();
    world.socket.say(snapshot(5, 7));
    expect(isStale(live)).toEqual(['live', false]);
  });

  test('[TSC10] so is a list', async () => {
    const live = client.live(client.collection('/b'));
    answered();
    world.socket.say({ evt: 'failed', r: '/b/*', error, meta: { subscription: 'q1' } });
    expect(isStale(live)).toEqual(['live', true]);
    await world.pass(2_000);
    answered();
    expect(isStale(live)).toEqual(['live', false]);
    world.socket.say({ ...added(5, 7, { subscription: 'q1' }), r: '/b/1' });
    expect(isStale(live)).toEqual(['live', true]);
    answered();
    expect(isStale(live)).toEqual(['live', false]);
  });
});

describe('after close()', () => {
  test('[TSC5] what has not loaded fails, what has keeps its value, and what is opened fails', async () => {
    const { live } = await liveObject();
    const loading = client.live(client.collection('/a'));
    client.close();
    const late = [client.live(client.object('/a/9')), client.live(client.collection('/b'))];
    expect(live.getSnapshot()).toMatchObject({ status: 'live', stale: true, value: { n: 5 } });
    for (const { status, error } of [loading, ...late]) {
      expect([status, error?.message]).toEqual(['failed', 'connection.closed']);
    }
    expect(world.warnings).toEqual([]);
  });

  test('[TSC5] no timer is left, also where a listener closes the client', async () => {
    client.live(client.object(r));
    await world.settle();
    const error = { code: 429, message: 'rate.limited' };
    world.socket.answer('subscribe', { error });
    const stop = client.connection.subscribe(() => {});
    const live = client.live(client.collection('/a'));
    world.socket.answer('read', { meta: { subscription: 'q1' }, body: { items: [] } });
    live.subscribe(() => client.close());
    world.socket.drop();
    stop();
    expect(client.connection.getSnapshot().state).toBe('closed');
    expect(world.timers).toBe(0);
  });
});
