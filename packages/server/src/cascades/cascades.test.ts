import type { JsonObject } from '@really/protocol';
import { describe, expect, test } from 'vitest';
import type { Platform } from '../platform/platform.js';
import { openMemoryStore } from '../store/memory/store.js';
import type { Store } from '../store/store.js';
import { ann, CascadingApp } from './cascades.fixture.js';

const open = (fields = 'n: { type: Long }') => `version: 1\nfields: { ${fields} }\n`;
const below = `${open()}onParentDeleted: delete\n`;

const tree = {
  users: open(),
  'users/posts': below,
  'users/posts/comments': below,
  'users/notes': open(),
};

describe('[CAS2] with the object that they are below', () => {
  test('objects of a collection that says so are deleted, and what is below them', async () => {
    const app = await CascadingApp.open({ models: tree });
    for (const r of ['/users/1', '/users/2']) {
      await app.create(r);
      for (const path of ['/posts/1', '/posts/2', '/posts/1/comments/1', '/notes/1']) {
        await app.create(r + path);
      }
    }
    await app.remove('/users/1');
    await app.finish();
    const left = await app.living('users', 'users/posts', 'users/posts/comments', 'users/notes');
    expect(left).toEqual([
      '/users/1/notes/1',
      '/users/2',
      '/users/2/notes/1',
      '/users/2/posts/1',
      '/users/2/posts/1/comments/1',
      '/users/2/posts/2',
    ]);
    await app.close();
  });

  test('[CAS4] each is a revision of its own, by who deleted, with the deletion as its cause', async () => {
    const app = await CascadingApp.open({ models: tree });
    await app.create('/users/1');
    await app.create('/users/1/posts/1');
    await app.create('/users/1/posts/1/comments/1');
    await app.remove('/users/1', { ...ann, uid: 'bob' });
    await app.finish();
    const changes = await app.app.publishedChanges();
    const deletions = changes
      .filter(({ type, r }) => type === 'delete' && r.startsWith('/users'))
      .map(({ r, rev, cause, by }) => ({ r, rev, cause, uid: by.uid }));
    expect(deletions).toEqual([
      { r: '/users/1', rev: 2, cause: undefined, uid: 'bob' },
      { r: '/users/1/posts/1', rev: 2, cause: '/users/1', uid: 'bob' },
      { r: '/users/1/posts/1/comments/1', rev: 2, cause: '/users/1', uid: 'bob' },
    ]);
    const { entries } = await app.app.store.history('/users/1/posts/1', 1, 10);
    const stored = entries.map(({ type, cause }) => ({ type, cause }));
    expect(stored).toEqual([{ type: 'delete', cause: '/users/1' }]);
    await app.close();
  });

  test('[CAS5] as many as there are, over restarts', async () => {
    const app = await CascadingApp.open({ models: tree });
    await app.create('/users/1');
    const posts = Array.from({ length: 950 }, (_, n) => `/users/1/posts/${n}`);
    await Promise.all(posts.map((r) => app.create(r)));
    await app.remove('/users/1');
    for (let n = 0; n < 3; n++) await app.restart();
    await app.finish();
    expect(await app.living('users/posts')).toEqual([]);
    expect(app.metrics.read('really_cascade_objects_total delete')).toBe(950);
    await app.close();
  });

  test('[CAS5] no commit has more than a few of them, so that others wait for no more', async () => {
    const sizes: number[] = [];
    const watched = (platform: Platform): Store => {
      const store = openMemoryStore({}, platform);
      const commit: Store['commit'] = (groups) => {
        const writes = groups.flatMap((group) => group.writes);
        sizes.push(writes.filter(({ change }) => change.cause !== undefined).length);
        return store.commit(groups);
      };
      return new Proxy(store, {
        get: (of, name) => {
          if (name === 'commit') return commit;
          const member: unknown = Reflect.get(of, name, of);
          return typeof member === 'function' ? member.bind(of) : member;
        },
      });
    };
    const app = await CascadingApp.open({ models: tree, open: watched });
    for (const user of ['/users/1', '/users/2', '/users/3']) {
      await app.create(user);
      const posts = Array.from({ length: 300 }, (_, n) => `${user}/posts/${n}`);
      await Promise.all(posts.map((r) => app.create(r)));
    }
    await Promise.all(['/users/1', '/users/2', '/users/3'].map((r) => app.remove(r)));
    await app.finish();
    expect(await app.living('users/posts')).toEqual([]);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(50);
    await app.close();
  });
});

const refers = (more: string) => `{ type: reference, collectionR: /users, ${more} }`;

test('[CAS4] the cause is a deletion that the object itself shows', async () => {
  const to = (collection: string, more = '') =>
    `{ type: reference, collectionR: ${collection}, onDeleted: delete${more} }`;
  const app = await CascadingApp.open({
    models: {
      users: open(),
      tasks: open(`owner: ${to('/users')}`),
      'tasks/comments': below,
      'tasks/comments/likes': below,
      seen: open(`comment: ${to('/tasks/*/comments')}`),
      hidden: open(`owner: ${to('/users', ', access: { read: auth.uid == "x" }')}`),
      'hidden/parts': below,
    },
  });
  const user = '/users/1';
  await app.create(user);
  await app.create('/tasks/1', { owner: user });
  await app.create('/tasks/1/comments/1');
  await app.create('/tasks/1/comments/1/likes/1');
  await app.create('/seen/1', { comment: '/tasks/1/comments/1' });
  await app.create('/hidden/1', { owner: user });
  await app.create('/hidden/1/parts/1');
  await app.remove(user);
  await app.finish();
  const changes = await app.app.publishedChanges();
  const found = changes.filter(({ type, r }) => type === 'delete' && !r.startsWith('/_'));
  expect(Object.fromEntries(found.map(({ r, cause }) => [r, cause]))).toEqual({
    [user]: undefined,
    '/tasks/1': user,
    '/tasks/1/comments/1': '/tasks/1',
    '/tasks/1/comments/1/likes/1': '/tasks/1',
    '/seen/1': '/tasks/1/comments/1',
    '/hidden/1': undefined,
    '/hidden/1/parts/1': '/hidden/1',
  });
  expect(new Set(found.map(({ by }) => by.uid))).toEqual(new Set(['ann']));
  await app.close();
});

describe('[CAS1] [CAS3] a reference to a deleted object', () => {
  const models = {
    users: open(),
    tasks: open(`
      n:        { type: Long },
      kept:     ${refers('onDeleted: keep')},
      owner:    ${refers('onDeleted: delete')},
      assignee: ${refers('onDeleted: unset')},
      watchers: { type: List, items: ${refers('onDeleted: unset')} },
      house:    { type: Object, fields: { lord: ${refers('onDeleted: unset')}, size: { type: Long } } },
      members:  { type: List, items: { type: Object, fields: { user: ${refers('onDeleted: unset')}, role: { type: String } } } },
      grid:     { type: List, items: { type: List, items: ${refers('onDeleted: unset')} } }`),
    bills: open(`payer: ${refers('onDeleted: refuse')}`),
  };
  const start = async () => {
    const app = await CascadingApp.open({ models });
    await app.create('/users/1');
    await app.create('/users/2');
    return app;
  };

  test('is unset where it says so, wherever in the object', async () => {
    const app = await start();
    const [a, b] = ['/users/1', '/users/2'];
    const body: JsonObject = {
      n: 1,
      kept: a,
      assignee: a,
      watchers: [a, b, a],
      house: { lord: a, size: 3 },
      members: [{ user: b }, { user: a, role: 'x' }],
      grid: [[a], [b, a]],
    };
    await app.create('/tasks/1', body);
    await app.create('/tasks/2', { assignee: b });
    await app.remove(a);
    await app.finish();
    expect(await app.data('/tasks/1')).toEqual({
      n: 1,
      kept: a,
      watchers: [b],
      house: { size: 3 },
      members: [{ user: b }, { role: 'x' }],
      grid: [[], [b]],
    });
    expect(await app.data('/tasks/2')).toEqual({ assignee: b });
    const updates = (await app.app.publishedChanges()).filter(({ type }) => type === 'update');
    const seen = updates
      .filter(({ r }) => r.startsWith('/tasks'))
      .map(({ r, rev, cause, by }) => [r, rev, cause, by.uid]);
    expect(seen).toEqual([['/tasks/1', 2, a, 'ann']]);
    await app.close();
  });

  test('is unset however often an object has it', async () => {
    const app = await start();
    const members = Array.from({ length: 2500 }, () => ({ user: '/users/1', role: 'x' }));
    await app.create('/tasks/1', { members });
    await app.remove('/users/1');
    await app.finish();
    expect(await app.data('/tasks/1')).toEqual({ members: members.map(() => ({ role: 'x' })) });
    await app.close();
  });

  test('deletes its object where it says so', async () => {
    const app = await start();
    await app.create('/tasks/1', { owner: '/users/1', assignee: '/users/1' });
    await app.create('/tasks/2', { owner: '/users/2', assignee: '/users/1' });
    await app.remove('/users/1');
    await app.finish();
    expect(await app.living('tasks')).toEqual(['/tasks/2']);
    expect(await app.data('/tasks/2')).toEqual({ owner: '/users/2' });
    await app.close();
  });

  test('refuses the deletion where it says so, as long as it is there', async () => {
    const app = await start();
    await app.create('/bills/1', { payer: '/users/1' });
    const refused = await app.app.send(ann, { cmd: 'delete', r: '/users/1' });
    expect(refused.error).toEqual({
      code: 409,
      message: 'object.referenced',
      errors: { payer: ['referenced.by: /bills/*'] },
    });
    await app.remove('/users/2');
    await app.remove('/bills/1');
    await app.remove('/users/1');
    expect(await app.living('users')).toEqual([]);
    await app.close();
  });
});
