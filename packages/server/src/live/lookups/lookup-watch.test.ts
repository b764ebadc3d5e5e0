import { expect, test, vi } from 'vitest';
import { loaded } from '../../model/models.fixture.js';
import type { StoredObject } from '../../store/stored-object.js';
import { FakeConnection, type LiveSetupOptions, setUpLive } from '../live.fixture.js';
import { QueryGroup } from '../query/query-group.js';
import { QuerySubscription } from '../query/query-subscription.js';

const files = {
  'projects/model.yaml': `version: 1
fields: { title: { type: String } }
access: { read: true }
`,
  'projects/members/model.yaml': `version: 1
fields: { role: { type: String } }
access: { read: true }
`,
  'projects/docs/model.yaml': `version: 1
fields:
  title: { type: Long }
  secret: { type: Long, access: { read: 'membership.role == "owner"' } }
lookups: { membership: '/projects/{ids.projects}/members/{auth.uid}' }
access: { read: 'membership != null && membership.role != "none"' }
`,
};

const member = '/projects/1/members/u';
const docs = Array.from({ length: 30 }, (_, n) => `/projects/1/docs/${n}`);

/** Somebody who is subscribed to all the docs as a writer. */
async function setUpMember(all: readonly string[], options: LiveSetupOptions = {}) {
  const memberships = new Map<string, StoredObject>();
  const reads: string[] = [];
  const { models } = await loaded(files, {
    readLookups: (rs) => {
      reads.push(...rs);
      return rs.map((r) => memberships.get(r));
    },
  });
  const on = await setUpLive({ ...options, models: models.all() });
  await on.create('/projects/1', {});
  memberships.set(member, (await on.create(member, { role: 'writer' })).object);
  for (const r of all) await on.create(r, { title: 0, secret: 1 });
  const connection = new FakeConnection({ uid: 'u' });
  await on.subscribe(connection, ...all);
  await on.live.settled();
  connection.frames.length = 0;
  reads.length = 0;
  /** Has these roles in one commit. */
  const setRoles = async (...roles: readonly string[]) => {
    on.bus.held = [];
    for (const role of roles) memberships.set(member, (await on.set(member, { role })).object);
    const changes = on.bus.held;
    on.bus.held = undefined;
    return changes;
  };
  return { on, connection, reads, setRoles };
}

test('[LIM43] [LKP5] what the rights to many objects depend on is looked up once for all of them', async () => {
  const { on, connection, reads, setRoles } = await setUpMember(docs);
  connection.auth = { uid: 'u', data: { is: 'another' } };
  expect(on.live.authChanged(connection)).toBe(2);
  expect(reads.splice(0).length).toBeLessThan(5);
  on.bus.deliver(...(await setRoles('reader')));
  await on.live.settled();
  expect(reads.length).toBeLessThan(5);
  expect(connection.frames).toEqual([]);
});

test('[LIM43] [LKP4] however often a membership changes, each subscription that it concerns waits once to be caught up', async () => {
  const { on, connection, reads, setRoles } = await setUpMember(docs);
  const changes = await setRoles(
    ...Array.from({ length: 40 }, (_, n) => ['none', 'owner'][n % 2] ?? ''),
  );
  on.bus.deliver(...changes.slice(0, 20));
  expect(reads.length).toBeLessThan(docs.length);
  expect(on.live.counts().queuedReads).toBeLessThanOrEqual(docs.length);
  for (const change of changes.slice(20)) on.bus.deliver(change);
  expect(on.live.counts().queuedReads).toBeLessThanOrEqual(docs.length);
  await on.live.settled();
  expect(connection.summaries()).toEqual(docs.map(() => 'snapshot 1'));
  on.bus.deliver(...(await setRoles('none')));
  await on.live.settled();
  expect(connection.summaries()).toEqual(docs.map(() => 'failed'));
});

test('[LIM43] [LKP4] those whose rights may have changed are only suspended at once, and authorized in several turns', async () => {
  const many = Array.from({ length: 200 }, (_, n) => `/projects/1/docs/${n}`);
  const { on, connection, setRoles } = await setUpMember(many, { isHurried: true });
  on.bus.deliver(...(await setRoles('owner')));
  expect(on.live.counts().queuedReads).toBeLessThan(100);
  for (const r of many) await on.set(r, { title: 1 });
  await on.live.settled();
  // Nothing was sent as to a writer.
  expect(connection.received().map(({ evt, body }) => `${evt} ${body?.secret}`)).toEqual(
    many.map(() => 'snapshot 1'),
  );
});

test('[LKP4] those who have the same rights as before miss nothing of what was written meanwhile', async () => {
  const many = Array.from({ length: 200 }, (_, n) => `/projects/1/docs/${n}`);
  const { on, connection, setRoles } = await setUpMember(many, { isHurried: true });
  on.bus.deliver(...(await setRoles('reader')));
  for (const r of many) await on.set(r, { title: 1 });
  await on.live.settled();
  for (const r of many) await on.set(r, { title: 2 });
  await on.live.settled();
  expect(connection.summaries().toSorted()).toEqual(
    [...many.map(() => 'updated 2'), ...many.map(() => 'updated 3')].toSorted(),
  );
});

/** Sixty live queries of a writer, in a world where each look at the clock ends a slice. */
async function setUpQueries() {
  const limits = { queryTime: 86_400_000 };
  const setup = await setUpMember(docs, { isHurried: true, limits });
  const { on, connection } = setup;
  const scope = { names: ['projects', 'docs'], parents: ['1'] };
  const order = { keys: [{ field: '_r', descending: false }] };
  for (let limit = 31; limit <= 90; limit++) {
    const query = { r: '/projects/1/docs/*', scope, order, limit };
    (await on.live.subscribeQuery(connection, query)).start();
  }
  on.unsubscribe(connection, ...docs);
  await on.live.settled();
  connection.frames.length = 0;
  return setup;
}

test('[LIM43] [LKP4] so are very many live queries, and nothing is sent as before meanwhile', async () => {
  const { on, connection, setRoles } = await setUpQueries();
  const moved = vi.spyOn(QuerySubscription.prototype, 'moveTo');
  const [first, ...others] = await setRoles('owner', 'none', 'owner');
  if (!first) throw new Error('there are three');
  on.bus.deliver(first);
  expect(moved.mock.calls.length).toBeLessThan(30);
  on.live.onDrain(connection);
  on.bus.deliver(...others);
  await on.set('/projects/1/docs/3', { title: 1 });
  await on.live.settled();
  expect(moved.mock.calls.length).toBeLessThan(120);
  moved.mockRestore();
  const events = connection.received();
  // Each row once, as an owner sees it: the window of a writer had no secrets.
  expect(new Set(events.map(({ body }) => body?.secret))).toEqual(new Set([1]));
  await on.set('/projects/1/docs/3', { title: 2 });
  await on.live.settled();
  const { length } = connection.received().filter(({ evt }) => evt === 'updated');
  expect(length).toBe(60);
});

test('[LKP4] live queries whose rights stay as they are miss nothing of what was written meanwhile', async () => {
  const { on, connection, setRoles } = await setUpQueries();
  on.bus.deliver(...(await setRoles('reader')));
  await on.set('/projects/1/docs/3', { title: 1 });
  await on.live.settled();
  await on.set('/projects/1/docs/3', { title: 2 });
  await on.live.settled();
  const titles = connection.received().map(({ body }) => JSON.stringify(body?.title));
  const twos = titles.filter((title) => title?.includes('2'));
  expect(twos).toHaveLength(60);
  expect(titles).toHaveLength(120);
});

test('[LKP4] where nothing was written meanwhile, the windows of live queries whose rights stay as they are are not read again', async () => {
  const { on, connection, setRoles } = await setUpQueries();
  const changes = await setRoles('reader');
  const refreshed = vi.spyOn(QueryGroup.prototype, 'refresh');
  const suspended = vi.spyOn(QuerySubscription.prototype, 'suspend');
  on.bus.deliver(...changes);
  await on.live.settled();
  expect(suspended.mock.calls.length).toBeGreaterThan(0);
  expect(refreshed).not.toHaveBeenCalled();
  refreshed.mockRestore();
  suspended.mockRestore();
  await on.set('/projects/1/docs/3', { title: 1 });
  await on.live.settled();
  expect(connection.received().map(({ evt }) => evt)).toEqual(Array(60).fill('updated'));
});

test('[LIM11] while their rights are compared, live queries take no room of those that pause', async () => {
  const { on, connection, setRoles } = await setUpQueries();
  on.bus.deliver(...(await setRoles('reader')));
  expect(on.live.counts().pausedRows).toBe(0);
  await on.live.settled();
  connection.congested = true;
  await on.set('/projects/1/docs/3', { title: 1 });
  await on.live.settled();
  expect(on.live.counts().pausedRows).toBe(60 * docs.length);
  // What they knew when they paused stays counted.
  on.bus.deliver(...(await setRoles('writer')));
  expect(on.live.counts().pausedRows).toBe(60 * docs.length);
  await on.live.settled();
  expect(on.live.counts().pausedRows).toBe(60 * docs.length);
  connection.congested = false;
  on.live.onDrain(connection);
  await on.live.settled();
  expect(on.live.counts().pausedRows).toBe(0);
  expect(connection.received().map(({ evt }) => evt)).toEqual(Array(60).fill('snapshot'));
});
