import type { JsonObject } from '@really/protocol';
import { expect, test } from 'vitest';
import type { Client } from '../../harness/client.js';
import { wireServer } from '../wire-server.js';
import { create, project, remove, roomsApp, set, update } from './rooms-app.js';

const server = wireServer({}, roomsApp);
/** For the test that counts windows: those of dropped connections are there for a while. */
const counted = wireServer({}, roomsApp);
const subscribe = (client: Client, ...rs: string[]) =>
  client.request({ cmd: 'subscribe', body: { subscriptions: rs.map((r) => ({ r })) } });
const watch = (client: Client, r: string, more: JsonObject = {}) =>
  client.request({ cmd: 'read', r, cmdOpts: { subscribe: true, ...more } });
/** Everything pushed to a client until a change of something that it receives in any case. */
async function pushedUntil(client: Client, olga: Client, mark: string) {
  await create(olga, `/people/${mark}`, {});
  const pushes = [];
  for (;;) {
    const push = await client.nextPush();
    if (push.r === '/people/*' && push.body?._r === `/people/${mark}`) return pushes;
    pushes.push(push);
  }
}

/** So many pushes, whatever else it receives of people in between: subscriptions do not wait for each other. */
async function next(client: Client, count: number) {
  const pushes = [];
  while (pushes.length < count) {
    const push = await client.nextPush();
    if (push.r !== '/people/*') pushes.push(push);
  }
  return pushes;
}

test('[LKP4] when a membership ends, nobody receives anything committed after it', async () => {
  using olga = await server.as('olga');
  using rita = await server.as('rita');
  await project(olga, '/projects/a', { rita: 'reader' });
  for (const n of [1, 2, 3]) await create(olga, `/projects/a/tasks/${n}`, { title: `${n}` });
  await subscribe(
    rita,
    '/people',
    '/projects/a/tasks',
    '/projects/a/tasks/1',
    '/projects/a/tasks/2',
  );
  const { meta } = await watch(rita, '/projects/a/tasks');
  await pushedUntil(rita, olga, 'a1');
  const commands = [
    { cmd: 'delete', r: '/projects/a/members/rita' },
    { cmd: 'delete', r: '/projects/a/tasks/1' },
    {
      cmd: 'update',
      r: '/projects/a/tasks/2',
      rev: 1,
      body: { ops: [{ op: 'set', key: 'title', value: 'later' }] },
    },
    { cmd: 'create', r: '/projects/a/tasks/4', body: { title: 'later' } },
  ];
  const { body } = await olga.request({ cmd: 'batch', body: { commands: commands as never } });
  expect(body.results).toHaveLength(4);
  await update(olga, '/projects/a/tasks/3', 1, { title: 'later' });
  const pushes = [...(await next(rita, 6)), ...(await pushedUntil(rita, olga, 'a2'))];
  expect(JSON.stringify(pushes)).not.toContain('later');
  expect(pushes.filter(({ evt }) => evt === 'deleted')).toEqual([]);
  const failed = pushes.filter(({ evt }) => evt === 'failed');
  expect(failed.map(({ r }) => r).sort()).toEqual([
    '/projects/a/tasks/*',
    '/projects/a/tasks/1',
    '/projects/a/tasks/2',
  ]);
  for (const { error } of failed) expect(error?.code).toBe(403);
  const left = pushes.filter((push) => push.meta?.subscription === meta?.subscription);
  // Not even by their revisions.
  expect(left.map(({ evt, r, rev }) => `${evt} ${r} ${rev}`).sort()).toEqual(
    [1, 2, 3].map((n) => `left /projects/a/tasks/${n} 1`),
  );
});

test('[LKP4] somebody who is let in misses nothing after it', async () => {
  using olga = await server.as('olga');
  using nora = await server.as('nora');
  await project(olga, '/projects/b');
  await create(olga, '/projects/b/tasks/1', { title: 'before' });
  await subscribe(nora, '/people');
  // What holds for all of a collection is a refusal at once; below any parent it may change.
  expect((await watch(nora, '/projects/b/tasks')).error?.code).toBe(403);
  const { body } = await watch(nora, '/projects/*/tasks');
  expect(body.items).toEqual([]);
  await create(olga, '/projects/b/members/nora', { role: 'reader' });
  await create(olga, '/projects/b/tasks/2', { title: 'after' });
  const pushes = await next(nora, 2);
  expect(pushes.map(({ evt, body }) => `${evt} ${body.title}`).sort()).toEqual([
    expect.stringMatching(/^(created|entered) after$/),
    'entered before',
  ]);
});

test('[LKP4] where another role sees more, a snapshot follows; where it sees less, later pushes have less', async () => {
  using olga = await server.as('olga');
  using rita = await server.as('rita');
  await project(olga, '/projects/c', { rita: 'reader' });
  const task = '/projects/c/tasks/1';
  await create(olga, task, { title: 'one', secret: 's1' });
  await subscribe(rita, '/people', task);
  const [first] = await next(rita, 1);
  expect(first).toMatchObject({ evt: 'snapshot', body: { title: 'one' } });
  expect(first?.body.secret).toBeUndefined();
  await set(olga, '/projects/c/members/rita', { role: 'owner' });
  const [more] = await next(rita, 1);
  expect(more).toMatchObject({ evt: 'snapshot', r: task, body: { title: 'one', secret: 's1' } });
  await set(olga, '/projects/c/members/rita', { role: 'reader' });
  await set(olga, task, { secret: 's2' });
  expect(JSON.stringify(await pushedUntil(rita, olga, 'c3'))).not.toContain('"s2"');
});

test('[LKP4] a change of a member that no rule reads concerns nobody', async () => {
  using olga = await server.as('olga');
  using rita = await server.as('rita');
  await project(olga, '/projects/d', { rita: 'reader' });
  await create(olga, '/projects/d/tasks/1', { title: 'one' });
  await subscribe(rita, '/people', '/projects/d/tasks/1');
  await watch(rita, '/projects/d/tasks');
  await pushedUntil(rita, olga, 'd1');
  await set(olga, '/projects/d/members/rita', { note: 'nice' });
  await remove(olga, '/projects/d/members/olga');
  expect(await pushedUntil(rita, olga, 'd2')).toEqual([]);
});

test('[LKP4] what a row of a window looks at takes it away and brings it back', async () => {
  using olga = await server.as('olga');
  using rita = await server.as('rita');
  await project(olga, '/projects/e');
  await create(olga, '/people/ben', { uid: 'ben', open: true });
  await create(olga, '/projects/e/notes/1', { text: 'one', author: '/people/ben' });
  await subscribe(rita, '/people', '/projects/e/notes/1');
  await watch(rita, '/projects/e/notes');
  await pushedUntil(rita, olga, 'e1');
  await set(olga, '/people/ben', { open: false });
  const pushes = await next(rita, 2);
  expect(pushes.map(({ evt }) => evt).sort()).toEqual(['failed', 'left']);
  await set(olga, '/people/ben', { open: true });
  const [entered] = await next(rita, 1);
  expect(entered).toMatchObject({ evt: 'entered', body: { text: 'one' } });
});

test('[LKP4] a revision is not authorized by a later state of what it looks at', async () => {
  using olga = await server.as('olga');
  using rita = await server.as('rita');
  await project(olga, '/projects/i');
  for (const id of ['xan', 'yan']) await create(olga, `/people/${id}`, { uid: id });
  const note = '/projects/i/notes/1';
  await subscribe(rita, '/people', '/projects/i/notes');
  await watch(rita, '/projects/i/notes');
  await pushedUntil(rita, olga, 'i1');
  const ops = (key: string, value: unknown) => ({ body: { ops: [{ op: 'set', key, value }] } });
  // When its author is open, it is no longer theirs.
  const commands = [
    { cmd: 'create', r: note, body: { text: 'of old', author: '/people/xan' } },
    { cmd: 'update', r: note, rev: 1, ...ops('author', '/people/yan') },
    { cmd: 'update', r: '/people/xan', rev: 1, ...ops('open', true) },
  ];
  const { body } = await olga.request({ cmd: 'batch', body: { commands: commands as never } });
  expect(body.results).toHaveLength(3);
  expect(JSON.stringify(await pushedUntil(rita, olga, 'i2'))).not.toContain('of old');
});

test('[LKP4] a revision that is not visible is pushed to nobody, though the next one is', async () => {
  using olga = await server.as('olga');
  using rita = await server.as('rita');
  await project(olga, '/projects/j');
  await create(olga, '/people/zoe', { uid: 'zoe', open: true });
  await create(olga, '/people/zed', { uid: 'zed' });
  const [known, fresh] = ['/projects/j/notes/1', '/projects/j/notes/2'];
  await create(olga, known, { text: 'one', author: '/people/zoe' });
  await subscribe(rita, '/people', '/projects/j/notes', known);
  await watch(rita, '/projects/j/notes');
  await next(rita, 1);
  const hidden = { text: 'of old', author: '/people/zed' };
  const shown = { text: 'of new', author: '/people/zoe' };
  const change = (r: string, rev: number, fields: JsonObject) => {
    const ops = Object.entries(fields).map(([key, value]) => ({ op: 'set', key, value }));
    return { cmd: 'update', r, rev, body: { ops } };
  };
  const commands = [
    ...[change(known, 1, hidden), change(known, 2, shown)],
    ...[{ cmd: 'create', r: fresh, body: hidden }, change(fresh, 1, shown)],
  ];
  const { body } = await olga.request({ cmd: 'batch', body: { commands: commands as never } });
  expect(body.results).toHaveLength(4);
  // To the object's subscription, the collection's, and that of the window for both.
  for (let told = 0; told < 4; ) {
    const [push] = await next(rita, 1);
    const text = JSON.stringify(push);
    expect(push?.evt).not.toBe('failed');
    expect(text).not.toContain('of old');
    if (text.includes('of new')) told += 1;
  }
});

test('[LKP4] an object that changed and was deleted at once is told of as deleted', async () => {
  using olga = await server.as('olga');
  using rita = await server.as('rita');
  await project(olga, '/projects/k');
  await create(olga, '/people/kim', { uid: 'kim', open: true });
  const note = '/projects/k/notes/1';
  await create(olga, note, { text: 'one', author: '/people/kim' });
  await subscribe(rita, note);
  await next(rita, 1);
  const ops = [{ op: 'set', key: 'text', value: 'two' }];
  const commands = [
    { cmd: 'update', r: note, rev: 1, body: { ops } },
    { cmd: 'delete', r: note },
  ];
  const { body } = await olga.request({ cmd: 'batch', body: { commands: commands as never } });
  expect(body.results).toHaveLength(2);
  expect((await next(rita, 2)).map(({ evt, rev }) => `${evt} ${rev}`)).toEqual([
    'updated 2',
    'deleted 3',
  ]);
});

test('[LKP4] a client that subscribes again with what it knew before is served by the rights of now', async () => {
  using olga = await server.as('olga');
  using rita = await server.as('rita');
  await project(olga, '/projects/f', { rita: 'reader' });
  const task = '/projects/f/tasks/1';
  await create(olga, task, { title: 'one', secret: 's1' });
  const { body } = await subscribe(rita, task);
  const { view } = body.subscriptions[0];
  expect((await rita.nextPush()).evt).toBe('snapshot');
  await rita.request({ cmd: 'unsubscribe', body: { subscriptions: [task] } });
  await set(olga, '/projects/f/members/rita', { role: 'owner' });
  await rita.request({ cmd: 'subscribe', body: { subscriptions: [{ r: task, rev: 1, view }] } });
  expect(await rita.nextPush()).toMatchObject({ evt: 'snapshot', body: { secret: 's1' } });
  await rita.request({ cmd: 'unsubscribe', body: { subscriptions: [task] } });
  await remove(olga, '/projects/f/members/rita');
  const again = await rita.request({
    cmd: 'subscribe',
    body: { subscriptions: [{ r: task, rev: 1, view }] },
  });
  expect(again.body.failures).toMatchObject([{ r: task, error: { code: 403 } }]);
});

test('[LKP5] members with the same rights share a window, whatever their uid and role', async () => {
  using olga = await counted.as('olga');
  const uids = ['m1', 'm2', 'm3', 'm4'];
  const roles = Object.fromEntries(uids.map((uid, n) => [uid, n % 2 === 0 ? 'editor' : 'reader']));
  await project(olga, '/projects/g', roles);
  await create(olga, '/projects/g/plans/1', { text: 'one' });
  const groups = async () => {
    const text = await (await fetch(`${counted.url}/metrics`)).text();
    return Number(/^really_query_windows (\d+)/m.exec(text)?.[1]);
  };
  const members = await Promise.all(uids.map((uid) => counted.as(uid)));
  for (const member of members) await watch(member, '/projects/g/plans');
  expect(await groups()).toBe(1);
  // The first one leaves, and the others go on.
  await remove(olga, '/projects/g/members/m1');
  await update(olga, '/projects/g/plans/1', 1, { text: 'two' });
  for (const member of members.slice(1)) {
    expect(await member.nextPush()).toMatchObject({ evt: 'updated', rev: 2 });
  }
  expect(await members[0]?.nextPush()).toMatchObject({ evt: 'left' });
  await update(olga, '/projects/g/plans/1', 2, { text: 'three' });
  expect(await members[1]?.nextPush()).toMatchObject({ evt: 'updated', rev: 3 });
  expect(await members[0]?.pushesUntilNow()).toEqual([]);
  for (const member of members) member.close();
});

test('[LKP4] [ADM1] who has all rights keeps them, and positions, whatever becomes of memberships', async () => {
  using olga = await server.as('olga');
  using operator = await server.as('operator', { admin: true });
  await project(olga, '/projects/h', { rita: 'reader' });
  const task = '/projects/h/tasks/1';
  await create(olga, task, { title: 'one', secret: 's1' });
  await subscribe(operator, '/people', task);
  await watch(operator, '/projects/h/tasks');
  expect((await next(operator, 1))[0]).toMatchObject({ evt: 'snapshot', body: { secret: 's1' } });
  await update(olga, task, 1, { secret: 's2' });
  const pushes = await next(operator, 2);
  expect(pushes.map(({ evt }) => evt)).toEqual(['updated', 'updated']);
  const since = pushes.find(({ meta }) => meta?.pos !== undefined)?.meta?.pos as string;
  await set(olga, '/projects/h/members/rita', { role: 'owner' });
  await remove(olga, '/projects/h/members/rita');
  expect(await pushedUntil(operator, olga, 'h1')).toEqual([]);
  await update(olga, task, 2, { secret: 's3' });
  await next(operator, 2);
  const again = await watch(operator, '/projects/h/tasks', { since });
  expect(again.error).toBeUndefined();
  expect((await next(operator, 1))[0]).toMatchObject({ evt: 'updated', rev: 3 });
});
