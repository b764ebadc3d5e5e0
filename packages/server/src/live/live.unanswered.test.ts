import { describe, expect, test } from 'vitest';
import {
  FakeConnection,
  itemOf,
  type LiveSetup,
  modelOf,
  readsAll,
  rule,
  settle,
  setUpLive,
} from './live.fixture.js';

const r = '/users/1';

/** Only admins may read, whatever the object is. */
const isAdmin = rule(({ auth }) => auth.data?.admin === true, readsAll);
const admins = modelOf({ read: { ...isAdmin, isCollectionWide: true } });

type Subscribe = (on: LiveSetup, connection: FakeConnection) => Promise<{ start: () => void }>;

const toObject: Subscribe = ({ live }, connection) => live.subscribe(connection, [itemOf(r)]);
const toCollection: Subscribe = ({ live }, connection) =>
  live.subscribe(connection, [itemOf('/users')]);
const toQuery: Subscribe = ({ live }, connection) =>
  live.subscribeQuery(connection, {
    r: '/users',
    scope: { names: ['users'], parents: [] },
    order: { keys: [{ field: '_r', descending: false }] },
    limit: 10,
  });
const toMoreFields: Subscribe = async (on, connection) => {
  await on.subscribe(connection, { r, fields: ['a'] });
  connection.received();
  return await on.live.subscribe(connection, [itemOf({ r, fields: ['b'] })]);
};

describe.each<[string, Subscribe]>([
  ['an object', toObject],
  ['a collection', toCollection],
  ['a query', toQuery],
  ['more fields of an object', toMoreFields],
])('a subscription to %s that ends before its response is sent', (_what, subscribe) => {
  test('[SUB1] [PSH7] [REL5] says so after it, if its model was removed', async () => {
    const on = await setUpLive();
    await on.create(r, { a: 1 });
    const connection = new FakeConnection();
    const { start } = await subscribe(on, connection);
    await on.reload();
    expect(connection.received()).toEqual([]);
    start();
    await settle();
    expect(connection.received()).toMatchObject([
      { evt: 'failed', error: { message: 'model.unknown' } },
    ]);
    expect(on.live.counts().subscriptions).toBe(0);
  });

  test('[SUB1] [PSH7] [SUB10] says so after it, if the right was lost', async () => {
    const on = await setUpLive({ models: [admins] });
    await on.create(r, { a: 1 });
    const connection = new FakeConnection({ uid: 'u1', data: { admin: true } });
    const { start } = await subscribe(on, connection);
    connection.auth = { uid: 'u1', data: { admin: false } };
    on.live.authChanged(connection);
    await settle();
    expect(connection.received()).toEqual([]);
    start();
    await settle();
    // To a query the objects that may not be seen are as if they were not there.
    const last = subscribe === toQuery ? { evt: 'left' } : { evt: 'failed', error: { code: 403 } };
    expect(connection.received()).toMatchObject([last]);
  });
});

describe('an object whose fields are being widened', () => {
  test('[RES2] is resumed', async () => {
    const on = await setUpLive();
    await on.create(r, { a: 1, b: 1 });
    const connection = new FakeConnection();
    await toMoreFields(on, connection);
    const resumable = on.live.park(connection);
    const next = new FakeConnection();
    (await on.live.resume(next, resumable))();
    await settle();
    await on.set(r, { a: 2 });
    expect(next.summaries()).toEqual(['snapshot 1', 'updated 2']);
  });

  test('[REL3] is told of a new model, as one that its client knows', async () => {
    const on = await setUpLive();
    await on.create(r, { a: 1, b: 1 });
    const [connection, other] = [new FakeConnection(), new FakeConnection('u2')];
    const { start } = await toMoreFields(on, connection);
    await toObject(on, other);
    await on.reload(modelOf({ version: 2, fields: ['a', 'b'] }));
    expect([connection.summaries(), other.summaries()]).toEqual([['schemaUpdated'], []]);
    start();
    await settle();
    expect(connection.summaries()).toEqual(['snapshot 1']);
  });
});
