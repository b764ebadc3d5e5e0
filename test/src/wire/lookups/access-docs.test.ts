import { expect, test } from 'vitest';
import type { ServerMessage } from '../../harness/client.js';
import { filesIn, sectionsOf } from '../../harness/docs-page.js';
import { wireServer } from '../wire-server.js';

const open = 'access: { create: true, read: true, update: true, delete: true }\n';
const page = filesIn(sectionsOf('access.md').flatMap(({ fences }) => fences));
/** The models of the page, as it says for members who may come back, and those that it takes as given. */
const server = wireServer(
  {},
  {
    'models/projects/members/model.yaml': (
      page['models/projects/members/model.yaml'] ?? ''
    ).replace(', required: true', ''),
    'models/projects/tasks/model.yaml': (page['models/projects/tasks/model.yaml'] ?? '').replace(
      'read:   membership != null',
      'read:   membership?.role != null',
    ),
    'models/users/model.yaml': `version: 1\nfields: {}\n${open}`,
    'models/projects/model.yaml': `version: 1\nfields: { owner: { type: String } }\n${open}`,
  },
);
const outcome = ({ error }: ServerMessage) => error?.message ?? 'done';

test('[LKP2] the models of docs/access.md load without warnings, and keep out whoever has no `_r`', async () => {
  expect(server.process.output.stdout).not.toContain('"level":"warn"');
  using olga = await server.as('olga', { _r: '/users/olga' });
  using nobody = await server.as('nobody');
  const create = (r: string, body = {}) => ({ cmd: 'create', r, body });
  const done = { ops: [{ op: 'set', key: 'title', value: 'x' }] };
  await olga.request(create('/projects/1', { owner: 'olga' }));
  await olga.request(create('/projects/2'));
  await olga.request(create('/projects/1/members/olga', { role: 'owner' }));
  await olga.request(create('/projects/1/tasks/1', { title: 'unassigned' }));
  const tries = [
    create('/projects/1/members/nobody', { role: 'owner' }),
    create('/projects/2/members/nobody', { role: 'owner' }),
    create('/projects/1/tasks/2', { title: 'x' }),
    { cmd: 'update', r: '/projects/1/tasks/1', rev: 1, body: done },
    { cmd: 'delete', r: '/projects/1/tasks/1' },
  ];
  for (const request of tries) expect(outcome(await nobody.request(request))).toBe('forbidden');
  expect(outcome(await olga.request(tries[3] ?? {}))).toBe('done');
});

test('[ACC5] [ACC10] a list leaves out what may not be read, and a subscription is refused', async () => {
  using olga = await server.as('olga');
  using ivan = await server.as('ivan');
  await olga.request({ cmd: 'create', r: '/projects/3', body: { owner: 'olga' } });
  await olga.request({ cmd: 'create', r: '/projects/3/members/olga', body: { role: 'owner' } });
  await olga.request({ cmd: 'create', r: '/projects/3/tasks/1', body: { title: 'a' } });
  const r = '/projects/3/tasks';
  const read = (of: string, subscribe?: true) => {
    return { cmd: 'read', r: of, cmdOpts: subscribe ? { subscribe } : {} };
  };
  expect((await ivan.request(read(r))).body).toEqual({ items: [] });
  expect((await ivan.request({ cmd: 'count', r })).body).toEqual({ totalResults: 0 });
  for (const cmd of ['get', 'history', 'join']) {
    expect(outcome(await ivan.request({ cmd, r: `${r}/1` }))).toBe('forbidden');
  }
  expect(outcome(await ivan.request(read(r, true)))).toBe('forbidden');
  const subscriptions = [{ r }, { r: `${r}/1` }];
  const { failures } = (await ivan.request({ cmd: 'subscribe', body: { subscriptions } })).body;
  expect(failures.map(outcome)).toEqual(['forbidden', 'forbidden']);
  const below = await ivan.request(read('/projects/*/tasks', true));
  expect(below.body).toEqual({ items: [] });
  expect(below.meta?.subscription).toEqual(expect.any(String));
});

test('[LKP4] a live query of somebody who loses all rights stays open, and fills again', async () => {
  using olga = await server.as('olga');
  using rita = await server.as('rita');
  const create = (r: string, body = {}) => olga.request({ cmd: 'create', r, body });
  await create('/projects/4', { owner: 'olga' });
  await create('/projects/4/members/olga', { role: 'owner' });
  await create('/projects/4/members/rita', { role: 'reader' });
  await create('/projects/4/tasks/1', { title: 'a' });
  const opened = await rita.request({
    cmd: 'read',
    r: '/projects/4/tasks',
    cmdOpts: { subscribe: true },
  });
  expect(opened.body.items).toHaveLength(1);
  const collection = { cmd: 'subscribe', body: { subscriptions: [{ r: '/projects/4/tasks' }] } };
  expect((await rita.request(collection)).body.failures).toBeUndefined();
  const give = (rev: number, role: string | null) => {
    const body = { ops: [{ op: 'set', key: 'role', value: role }] };
    return olga.request({ cmd: 'update', r: '/projects/4/members/rita', rev, body });
  };
  await give(1, null);
  const ended = [await rita.nextPush(), await rita.nextPush()];
  expect(ended.map(({ evt }) => evt).sort()).toEqual(['failed', 'left']);
  await give(2, 'reader');
  expect(await rita.nextPush()).toMatchObject({ evt: 'entered', body: { title: 'a' } });
});
