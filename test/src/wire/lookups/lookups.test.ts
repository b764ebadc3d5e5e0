import type { JsonObject } from '@really/protocol';
import { expect, test } from 'vitest';
import type { ServerMessage } from '../../harness/client.js';
import { wireServer } from '../wire-server.js';
import { create, project, remove, roomsApp, set, update } from './rooms-app.js';

const server = wireServer({}, roomsApp);
const message = ({ error, ...answer }: ServerMessage) => error?.message ?? (answer.r || 'done');
const titles = ({ body }: ServerMessage) =>
  (body?.items ?? []).map((item: { body: JsonObject }) => item.body.title ?? item.body.text);
const read = (r: string, cmdOpts: JsonObject = {}) => ({ cmd: 'read', r, cmdOpts });

test('[LKP2] a rule sees the members of looked-up objects, in every right', async () => {
  using olga = await server.as('olga');
  using eddie = await server.as('eddie');
  using rita = await server.as('rita');
  using ivan = await server.as('ivan');
  await project(olga, '/projects/a', { eddie: 'editor', rita: 'reader' });
  expect(message(await create(eddie, '/projects/a/tasks/1', { title: 'one' }))).toContain('/tasks');
  expect(message(await create(rita, '/projects/a/tasks/2', { title: 'two' }))).toBe('forbidden');
  expect(message(await create(ivan, '/projects/a/tasks/2', { title: 'two' }))).toBe('forbidden');
  expect(message(await update(eddie, '/projects/a/tasks/1', 1, { title: 'x' }))).toBe('forbidden');
  expect(message(await update(olga, '/projects/a/tasks/1', 1, { title: 'x' }))).toContain('/1');
  expect(message(await remove(rita, '/projects/a/tasks/1'))).toBe('forbidden');
  await set(olga, '/projects/a', { title: 'kept' });
  expect(message(await remove(olga, '/projects/a/tasks/1'))).toBe('kept');
  await set(olga, '/projects/a', { title: 'over' });
  expect(message(await remove(olga, '/projects/a/tasks/1'))).toContain('/1');
});

test('[LKP2] [LKP5] an intruder finds nothing by get, read, count, filter, sort and parents of any id', async () => {
  using olga = await server.as('olga');
  using rita = await server.as('rita');
  using ivan = await server.as('ivan');
  await project(olga, '/projects/b', { rita: 'reader' });
  await project(olga, '/projects/b2');
  await create(olga, '/projects/b/tasks/1', { title: 'first', secret: 's1' });
  await create(olga, '/projects/b2/tasks/2', { title: 'second' });
  const task = '/projects/b/tasks/1';
  expect(message(await ivan.request({ cmd: 'get', r: task }))).toBe('forbidden');
  expect(message(await ivan.request({ cmd: 'get', r: '/projects/b' }))).toBe('forbidden');
  for (const r of ['/projects/b/tasks', '/projects/*/tasks']) {
    const filter = { query: { filter: "title = 'first'" } };
    expect(titles(await ivan.request(read(r)))).toEqual([]);
    expect(titles(await ivan.request(read(r, filter)))).toEqual([]);
    expect(titles(await ivan.request(read(r, { sort: 'title' })))).toEqual([]);
    const counted = await ivan.request({ cmd: 'count', r, cmdOpts: filter });
    expect(counted.body).toEqual({ totalResults: 0 });
    expect((await ivan.request(read(r, { includeTotalCount: true }))).body.totalResults).toBe(0);
  }
  expect(titles(await rita.request(read('/projects/b/tasks')))).toEqual(['first']);
  expect(titles(await rita.request(read('/projects/*/tasks')))).toEqual(['first']);
  expect(titles(await olga.request(read('/projects/*/tasks', { sort: 'title' })))).toContain(
    'second',
  );
  // A field that the hook hides from readers cannot be found by its value either.
  const bySecret = { query: { filter: "secret = 's1'" } };
  expect(titles(await rita.request(read('/projects/b/tasks', bySecret)))).toEqual([]);
  expect(titles(await olga.request(read('/projects/b/tasks', bySecret)))).toEqual(['first']);
  expect((await rita.request({ cmd: 'get', r: task })).body.secret).toBeUndefined();
  expect((await olga.request({ cmd: 'get', r: task })).body.secret).toBe('s1');
});

test('[LKP2] validation, required and hooks see lookups', async () => {
  using olga = await server.as('olga');
  using eddie = await server.as('eddie');
  await project(olga, '/projects/c', { eddie: 'editor' });
  const tasks = '/projects/c/tasks';
  expect(message(await create(eddie, `${tasks}/1`, { title: 'no-editors' }))).toBe('editors.not');
  await create(olga, '/people/cold', { uid: 'eddie', frozen: true });
  await create(eddie, `${tasks}/2`, { title: 'two', assignee: '/people/cold' });
  expect(message(await update(eddie, `${tasks}/2`, 1, { title: 'x' }))).toBe('frozen');
  await set(olga, '/projects/c', { title: 'estimated' });
  const unestimated = await create(eddie, `${tasks}/3`, { title: 'three' });
  expect(unestimated.error?.errors).toEqual({ estimate: ['value.required'] });
  await set(olga, '/projects/c', { closed: true });
  const late = await create(eddie, `${tasks}/3`, { title: 'three', estimate: 1 });
  expect(late.error?.errors).toEqual({ title: ['validation.custom.failed'] });
});

test('[LKP2] a lookup by a field of the object is decided for each object, in reads too', async () => {
  using olga = await server.as('olga');
  using ann = await server.as('ann');
  using ivan = await server.as('ivan');
  await project(olga, '/projects/d');
  await create(olga, '/people/ann', { uid: 'ann' });
  await create(olga, '/people/ben', { uid: 'ben', open: true });
  for (let n = 0; n < 40; n++) {
    const author = n % 2 === 0 ? '/people/ann' : '/people/ben';
    await create(olga, `/projects/d/notes/${n}`, { text: `${n}`, author });
  }
  const all = read('/projects/d/notes', { limit: 100 });
  expect(titles(await ann.request(all))).toHaveLength(40);
  expect(titles(await ivan.request(all))).toHaveLength(20);
  const count = { cmd: 'count', r: '/projects/d/notes' };
  expect((await ivan.request(count)).body.totalResults).toBe(20);
  await remove(olga, '/people/ben');
  expect(titles(await ivan.request(all))).toEqual([]);
});

test('[LKP3] in a batch, rules see the commands before', async () => {
  using olga = await server.as('olga');
  await create(olga, '/projects/e', { owner: 'olga' });
  const batch = (commands: JsonObject[]) =>
    olga.request({ cmd: 'batch', body: { commands: commands as never } });
  const member = { cmd: 'create', r: '/projects/e/members/olga', body: { role: 'owner' } };
  const task = { cmd: 'create', r: '/projects/e/tasks/1', body: { title: 'one' } };
  expect((await batch([task, member])).error).toMatchObject({ message: 'forbidden' });
  expect((await batch([member, task])).body.results).toHaveLength(2);
  const leave = { cmd: 'delete', r: '/projects/e/members/olga' };
  const second = { cmd: 'create', r: '/projects/e/tasks/2', body: { title: 'two' } };
  expect((await batch([leave, second])).error).toMatchObject({ message: 'forbidden' });
});

test('[LKP3] commands that are sent without waiting are decided on what those before them leave', async () => {
  using olga = await server.as('olga');
  using eddie = await server.as('eddie');
  await project(olga, '/projects/f');
  const joined = create(olga, '/projects/f/members/eddie', { role: 'editor' });
  await joined;
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      n === 10
        ? remove(olga, '/projects/f/members/eddie')
        : create(eddie, `/projects/f/tasks/${n}`, { title: `${n}` }),
    ),
  );
  // Whatever the order of arrival was: nothing was created by somebody who had left.
  const left = await create(eddie, '/projects/f/tasks/last', { title: 'last' });
  expect(message(left)).toBe('forbidden');
  expect(answers.every((answer) => ['forbidden', undefined].includes(answer.error?.message))).toBe(
    true,
  );
});
