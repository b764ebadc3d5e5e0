import { describe, expect, test } from 'vitest';
import { bound, FakeConnection, itemOf, modelOf, rule, setUpLive } from './live.fixture.js';

const r = '/users/1';
const opBy = { uid: 'author' };

describe('subscribing', () => {
  test('[SUB3] [PSH6] without a revision: one snapshot, then live', async () => {
    const { create, set, subscribe } = await setUpLive();
    await create(r, { a: 1, b: 2 });
    const connection = new FakeConnection();
    expect(await subscribe(connection, r)).toEqual({
      subscriptions: [{ r, fields: ['a', 'b', 'c', 'secret'] }],
    });
    expect(connection.received()).toEqual([
      { evt: 'snapshot', r, rev: 1, body: { _r: r, _rev: 1, a: 1, b: 2 } },
    ]);
    await set(r, { a: 2 });
    expect(connection.received()).toEqual([
      { evt: 'updated', r, rev: 2, meta: { opBy }, body: { a: { op: 'set', opValue: 2 } } },
    ]);
  });

  test('[SUB1] field sets are resolved, each field once and in the order of the model', async () => {
    const { create, subscribe } = await setUpLive({
      models: [modelOf({ sets: { card: ['c', 'b'] } })],
    });
    await create(r, { a: 1, b: 2, c: 3 });
    const connection = new FakeConnection();
    const answer = await subscribe(connection, { r, fields: ['@card', 'b', 'a'] });
    expect(answer).toEqual({ subscriptions: [{ r, fields: ['a', 'b', 'c'] }] });
    expect(connection.received()[0]?.body).toEqual({ _r: r, _rev: 1, a: 1, b: 2, c: 3 });
  });

  test('[SUB1] a failed item does not affect the others', async () => {
    const { create, remove, subscribe } = await setUpLive({
      models: [modelOf(), modelOf({ name: 'closed', read: rule(() => false) })],
    });
    await create(r, {});
    await create('/users/2', {});
    await remove('/users/2');
    await create('/closed/1', {});
    const connection = new FakeConnection();
    const answer = await subscribe(
      connection,
      r,
      { r: '/users/9' },
      { r: '/users/2' },
      { r: 'users' },
      { r: '/nothing/1' },
      { r: '/closed/1' },
      { r, rev: 4, fields: ['b', 'nope'] },
    );
    expect(answer.subscriptions).toEqual([{ r, fields: ['a', 'b', 'c', 'secret'] }]);
    const errorOf = (code: number, message: string, more = {}) => ({ code, message, ...more });
    const errors = { 'body.subscriptions[6].fields': ['field.unknown: nope'] };
    expect(answer.failures).toEqual([
      { r: '/users/9', error: errorOf(404, 'object.missing') },
      { r: '/users/2', error: errorOf(410, 'object.gone') },
      { r: 'users', error: errorOf(400, 'r.invalid') },
      { r: '/nothing/1', error: errorOf(404, 'model.unknown') },
      { r: '/closed/1', error: errorOf(403, 'forbidden') },
      { r, error: errorOf(400, 'request.invalid', { errors }) },
    ]);
  });

  test('[SUB4] a revision above the current one fails', async () => {
    const { create, subscribe } = await setUpLive();
    await create(r, {});
    const { failures } = await subscribe(new FakeConnection(), { r, rev: 2 });
    expect(failures).toEqual([{ r, error: { code: 409, message: 'object.revision.unknown' } }]);
  });

  test('[ACC7] a missing right is reported before anything about revisions', async () => {
    const { create, subscribe } = await setUpLive({
      models: [modelOf({ read: rule(() => false) })],
    });
    await create(r, {});
    const { failures } = await subscribe(new FakeConnection(), { r, rev: 99 });
    expect(failures).toEqual([{ r, error: { code: 403, message: 'forbidden' } }]);
  });

  test('[ACC6] a hiding model reports the object as missing', async () => {
    const models = [modelOf({ read: rule(() => false), hidden: true })];
    const { create, subscribe } = await setUpLive({ models });
    await create(r, {});
    const { failures } = await subscribe(new FakeConnection(), r);
    expect(failures).toEqual([{ r, error: { code: 404, message: 'object.missing' } }]);
  });

  test('[SUB10] [ACC3] the right to subscribe is needed besides read', async () => {
    const subscribeRule = rule(({ auth }) => auth.uid === 'u1');
    const { create, subscribe } = await setUpLive({
      models: [modelOf({ subscribe: subscribeRule })],
    });
    await create(r, {});
    expect(await subscribe(new FakeConnection('u1'), r)).not.toHaveProperty('failures');
    expect(await subscribe(new FakeConnection('u2'), r)).toHaveProperty('failures');
  });

  test('[SUB5] subscribing again with more fields: one snapshot, whatever the revision; without more, nothing', async () => {
    const { create, set, subscribe } = await setUpLive();
    await create(r, { a: 1, b: 2, c: 3 });
    const connection = new FakeConnection();
    await subscribe(connection, { r, fields: ['a'] });
    connection.received();
    const answer = await subscribe(connection, { r, rev: 77, fields: ['b'] });
    expect(answer).toEqual({ subscriptions: [{ r, fields: ['a', 'b'] }] });
    expect(connection.received()).toEqual([
      { evt: 'snapshot', r, rev: 1, body: { _r: r, _rev: 1, a: 1, b: 2 } },
    ]);
    await subscribe(connection, { r, fields: ['a'] });
    await subscribe(connection, { r, fields: ['b', 'a'] });
    expect(connection.received()).toEqual([]);
    await set(r, { b: 5 });
    expect(connection.summaries()).toEqual(['updated 2']);
    await subscribe(connection, r);
    expect(connection.summaries()).toEqual(['snapshot 2']);
    await subscribe(connection, r);
    expect(connection.summaries()).toEqual([]);
  });

  test('[SUB5] the same object twice in one command is one subscription with the fields of both', async () => {
    const { create, subscribe, live, set } = await setUpLive();
    await create(r, { a: 1, b: 2 });
    const connection = new FakeConnection();
    const answer = await subscribe(connection, { r, fields: ['a'] }, { r, rev: 1, fields: ['b'] });
    expect(answer.subscriptions).toEqual([
      { r, fields: ['a'] },
      { r, fields: ['a', 'b'] },
    ]);
    expect(connection.summaries()).toEqual(['snapshot 1']);
    expect(live.counts().subscriptions).toBe(1);
    await set(r, { b: 3 });
    expect(connection.summaries()).toEqual(['updated 2']);
  });

  test('[SUB1] [SUB7] a change before the response is sent is neither lost nor pushed before it', async () => {
    const { create, set, live, settle } = await setUpLive();
    await create(r, { a: 1 });
    const connection = new FakeConnection();
    const item = itemOf({ r, rev: 1 });
    const { start } = await live.subscribe(connection, [item]);
    await set(r, { a: 2 });
    expect(connection.summaries()).toEqual([]);
    start();
    await settle();
    expect(connection.summaries()).toEqual(['updated 2']);
  });

  test('[SUB7] a change committed during authorization is not lost', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const read = rule(async () => {
      await held;
      return true;
    });
    const { create, set, subscribe, settle } = await setUpLive({ models: [modelOf({ read })] });
    await create(r, { a: 1 });
    const connection = new FakeConnection();
    const subscribing = subscribe(connection, { r, rev: 1 });
    await settle();
    await set(r, { a: 2 });
    release();
    await subscribing;
    await settle();
    expect(connection.summaries()).toEqual(['updated 2']);
  });
});

describe('replay', () => {
  test('[SUB2] each revision after the given one, then live', async () => {
    const { create, set, subscribe } = await setUpLive();
    await create(r, { a: 1 });
    for (let a = 2; a <= 200; a++) await set(r, { a });
    const connection = new FakeConnection();
    await subscribe(connection, { r, rev: 1 });
    const replayed = connection.received();
    expect(replayed.map(({ evt, rev }) => `${evt} ${rev}`)).toEqual(
      Array.from({ length: 199 }, (_, index) => `updated ${index + 2}`),
    );
    expect(replayed.at(-1)?.body).toEqual({ a: { op: 'set', opValue: 200 } });
    await set(r, { a: 0 });
    expect(connection.summaries()).toEqual(['updated 201']);
  });

  test('[SUB2] nothing if nothing was missed', async () => {
    const { create, set, subscribe } = await setUpLive();
    await create(r, { a: 1 });
    await set(r, { a: 2 });
    const connection = new FakeConnection();
    await subscribe(connection, { r, rev: 2 });
    expect(connection.summaries()).toEqual([]);
    await set(r, { a: 3 });
    expect(connection.summaries()).toEqual(['updated 3']);
  });

  test('[SUB2] [RET1] one snapshot if the history does not reach back', async () => {
    const { create, set, subscribe } = await setUpLive({ models: [modelOf({ history: 3 })] });
    await create(r, { a: 1 });
    for (let a = 2; a <= 6; a++) await set(r, { a });
    const [far, near, first] = [new FakeConnection(), new FakeConnection(), new FakeConnection()];
    await subscribe(far, { r, rev: 2 });
    await subscribe(near, { r, rev: 3 });
    await subscribe(first, { r, rev: 0 });
    expect(far.summaries()).toEqual(['snapshot 6']);
    expect(near.summaries()).toEqual(['updated 4', 'updated 5', 'updated 6']);
    expect(first.summaries()).toEqual(['snapshot 6']);
  });

  test('[SUB8] a snapshot if the version of the model changed since', async () => {
    const { create, set, subscribe, setModels } = await setUpLive();
    await create(r, { a: 1 });
    await set(r, { a: 2 });
    setModels(modelOf({ version: 2 }));
    await set(r, { a: 3 });
    await set(r, { a: 4 });
    const [before, at, after] = [new FakeConnection(), new FakeConnection(), new FakeConnection()];
    await subscribe(before, { r, rev: 1 });
    await subscribe(at, { r, rev: 2 });
    await subscribe(after, { r, rev: 3 });
    expect(before.summaries()).toEqual(['snapshot 4']);
    expect(at.summaries()).toEqual(['snapshot 4']);
    expect(after.summaries()).toEqual(['updated 4']);
  });

  test('[DEL4] [PSH5] a reconnecting client receives the deletion instead of what it missed', async () => {
    const { create, set, remove, subscribe, live } = await setUpLive();
    await create(r, { a: 1 });
    await set(r, { a: 2 });
    await remove(r);
    const connection = new FakeConnection();
    expect(await subscribe(connection, { r, rev: 1 })).not.toHaveProperty('failures');
    expect(connection.received()).toEqual([{ evt: 'deleted', r, rev: 3, meta: { opBy } }]);
    expect(live.counts()).toMatchObject({ subscriptions: 0, objectTopics: 0 });
    for (const rev of [0, 3]) {
      const { failures } = await subscribe(connection, { r, rev });
      expect(failures).toEqual([{ r, error: { code: 410, message: 'object.gone' } }]);
    }
  });

  test('[SUB10] a replayed revision is authorized by the current object', async () => {
    const preGet = ({ obj }: { obj: { open?: unknown } }) => (obj.open ? [] : ['secret']);
    const model = modelOf({ fields: ['a', 'secret', 'open'], preGet: preGet as never });
    const { create, set, subscribe } = await setUpLive({ models: [model] });
    await create(r, { open: true, secret: 0 });
    await set(r, { secret: 1 });
    await set(r, { a: 1 });
    await set(r, { open: false });
    const connection = new FakeConnection();
    const { subscriptions } = await subscribe(connection, { r, rev: 1 });
    expect(subscriptions).toEqual([{ r, fields: ['a', 'open'] }]);
    const received = connection.received();
    expect(received.map(({ rev, meta }) => [rev, meta?.prev])).toEqual([
      [3, 1],
      [4, undefined],
    ]);
    expect(JSON.stringify(received)).not.toContain('secret');
  });

  test('[SUB9] a client that may see more than before gets a snapshot', async () => {
    const preGet = ({ obj }: { obj: { open?: unknown } }) => (obj.open ? [] : ['secret']);
    const model = modelOf({ fields: ['a', 'secret', 'open'], preGet: preGet as never });
    const { create, set, subscribe } = await setUpLive({ models: [model] });
    await create(r, { open: false, secret: 1 });
    await set(r, { a: 1 });
    await set(r, { open: true });
    await set(r, { a: 2 });
    const [hadLess, hadAll] = [new FakeConnection(), new FakeConnection()];
    await subscribe(hadLess, { r, rev: 2 });
    await subscribe(hadAll, { r, rev: 3 });
    expect(hadLess.received()).toEqual([
      {
        evt: 'snapshot',
        r,
        rev: 4,
        body: { _r: r, _rev: 4, a: 2, open: true, secret: 1 },
      },
    ]);
    expect(hadAll.summaries()).toEqual(['updated 4']);
  });

  test('[PSH4] prev is exact in a replay of many pages', async () => {
    const { create, set, subscribe } = await setUpLive();
    await create(r, { a: 1 });
    for (let rev = 2; rev <= 300; rev++) await set(r, rev % 90 === 0 ? { a: rev } : { b: rev });
    const connection = new FakeConnection();
    await subscribe(connection, { r, rev: 100, fields: ['a'] });
    expect(connection.received().map(({ rev, meta }) => [rev, meta?.prev])).toEqual([
      [180, 90],
      [270, 180],
    ]);
    await set(r, { a: 0 });
    expect(connection.received()[0]?.meta?.prev).toBe(270);
  });

  test('[UNS1] unsubscribing stops it', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { create, set, subscribe, unsubscribe, settle, live } = await setUpLive({
      wrap: (store) => ({
        ...bound(store),
        async history(...args) {
          await held;
          return await store.history(...args);
        },
      }),
    });
    await create(r, { a: 1 });
    await set(r, { a: 2 });
    const connection = new FakeConnection();
    await subscribe(connection, { r, rev: 1 });
    expect(unsubscribe(connection, r)).toEqual([r]);
    release();
    await settle();
    expect(connection.summaries()).toEqual([]);
    expect(live.counts().subscriptions).toBe(0);
  });
});

describe('unsubscribing', () => {
  test('[UNS1] ends by R, narrows by fields, and ends with the last field', async () => {
    const { create, set, subscribe, unsubscribe, settle, live } = await setUpLive();
    await create(r, { a: 1 });
    await create('/users/2', { a: 1 });
    const connection = new FakeConnection();
    await subscribe(
      connection,
      { r, rev: 1, fields: ['a', 'b'] },
      { r: '/users/2', rev: 1 },
      '/users',
    );
    expect(unsubscribe(connection, { r, fields: ['b', 'c'] }, '/users/', '/users/3')).toEqual([
      '/users/*',
    ]);
    await settle();
    await set(r, { b: 1 });
    expect(connection.summaries()).toEqual([]);
    await set(r, { a: 2 });
    expect(connection.received()[0]?.meta).toEqual({ opBy, prev: 1 });
    expect(unsubscribe(connection, { r: '/users/2', fields: ['a'] })).toEqual([]);
    await settle();
    await set('/users/2', { a: 2 });
    await set('/users/2', { c: 2 });
    expect(connection.received().map(({ rev, meta }) => [rev, meta?.prev])).toEqual([[3, 1]]);
    expect(unsubscribe(connection, { r, fields: ['a'] }, '/users/2')).toEqual([r, '/users/2']);
    expect(live.counts()).toMatchObject({ subscriptions: 0, objectTopics: 0, collectionTopics: 0 });
  });

  test('[UNS1] [ERR2] malformed or missing subscriptions are refused', async () => {
    const { create, subscribe, unsubscribe, live } = await setUpLive();
    await create(r, {});
    const connection = new FakeConnection();
    await subscribe(connection, r);
    const refusal = (run: () => unknown) => {
      try {
        run();
      } catch (error) {
        return String((error as Error).message);
      }
      return undefined;
    };
    expect(refusal(() => unsubscribe(connection, '/users/2'))).toBe('subscription.missing');
    expect(refusal(() => unsubscribe(new FakeConnection(), r))).toBe('subscription.missing');
    expect(refusal(() => unsubscribe(connection, 'q1'))).toBe('subscription.missing');
    expect(refusal(() => unsubscribe(connection, r, '/users//'))).toBe('r.invalid');
    expect(refusal(() => unsubscribe(connection, { r, fields: ['x'] }))).toBe('request.invalid');
    expect(live.counts().subscriptions).toBe(1);
  });
});
