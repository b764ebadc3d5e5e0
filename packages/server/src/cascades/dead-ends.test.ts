import { describe, expect, test } from 'vitest';
import { bound } from '../live/live.fixture.js';
import type { Log } from '../platform/log.js';
import { silentLog } from '../platform/log.js';
import { openMemoryStore } from '../store/memory/store.js';
import type { Store } from '../store/store.js';
import { ann, CascadingApp } from './cascades.fixture.js';

const open = (fields = 'n: { type: Long }', more = '') =>
  `version: 1\nfields: { ${fields} }\n${more}`;
const refers = (to: string, onDeleted: string, more = '') =>
  `{ type: reference, collectionR: ${to}, onDeleted: ${onDeleted}${more} }`;
const below = open(undefined, 'onParentDeleted: delete\n');

/** A log that keeps the messages of warnings and errors with their fields. */
function recordingLog() {
  const lines: string[] = [];
  const record = (fields: object, message: string) =>
    lines.push(`${message} ${JSON.stringify(fields)}`);
  const log: Log = { ...silentLog, info: record, warn: record, error: record, child: () => log };
  return { log, lines };
}

describe('[CAS6] what follows a deletion', () => {
  test('is not checked by access rules, neither of models nor of fields', async () => {
    const nothing = 'access: { create: true, read: true }\n';
    const app = await CascadingApp.open({
      mode: 'production',
      models: {
        users: open(undefined, 'access: { create: true, delete: true }\n'),
        'users/posts': open(undefined, `onParentDeleted: delete\n${nothing}`),
        tasks: open(
          `user: { type: reference, collectionR: /users, onDeleted: unset, access: { update: false } }`,
          nothing,
        ),
      },
    });
    await app.create('/users/1');
    await app.create('/users/1/posts/1');
    await app.create('/tasks/1', { user: '/users/1' });
    await app.remove('/users/1');
    await app.finish();
    expect(await app.living('users/posts')).toEqual([]);
    expect(await app.data('/tasks/1')).toEqual({});
    await app.close();
  });

  test('runs hooks as of who deleted; an object that one refuses stays, and the others go', async () => {
    const { log, lines } = recordingLog();
    const app = await CascadingApp.open({
      log,
      models: {
        users: open(),
        'users/posts': below,
        'users/posts/pre-delete.js': `
          if (auth.uid !== "bob") cancel(418, "not.bob");
          if (obj.n === 1) cancel(409, "still.needed");
          if (obj.n === 2) throw new Error("broken");`,
        'users/posts/comments': below,
      },
    });
    await app.create('/users/1');
    for (let n = 0; n < 250; n++) await app.create(`/users/1/posts/${n}`, { n });
    await app.create('/users/1/posts/1/comments/1');
    await app.create('/users/1/posts/3/comments/1');
    await app.remove('/users/1', { ...ann, uid: 'bob' });
    await app.finish();
    const left = await app.living('users/posts', 'users/posts/comments');
    expect(left).toEqual(['/users/1/posts/1', '/users/1/posts/1/comments/1', '/users/1/posts/2']);
    const [letter] = await app.deadLetters.list(10);
    expect(letter).toMatchObject({ kind: 'cascade', about: '/users/1', attempts: 10 });
    expect(letter?.reason).toBe('2 objects stay: /users/1/posts/1: 409 still.needed');
    expect(lines.filter((line) => line.includes('it will be retried'))).toHaveLength(9);
    expect(lines.at(-1)).toMatch(/^the cascade for \/users\/1 was given up and is dead letter/);
    expect(app.metrics.read('really_cascades_total dead')).toBe(1);
    expect(app.metrics.read('really_cascade_objects_total stuck')).toBe(22);
    expect(app.metrics.read('really_cascade_objects_total delete')).toBe(249);
    await app.close();
  });

  test('a dead letter that is replayed takes the deletion up again', async () => {
    const app = await CascadingApp.open({
      models: {
        users: open(),
        'users/posts': below,
        'users/posts/pre-delete.js': 'if (obj.n === 1) cancel(409, "no");',
      },
    });
    await app.create('/users/1');
    await app.create('/users/1/posts/1', { n: 1 });
    await app.remove('/users/1');
    await app.finish();
    const [letter] = await app.deadLetters.list(10);
    const reload = await app.app.reload({
      'users/posts': below.replace('version: 1', 'version: 2'),
      'users/posts/pre-delete.js': '',
    });
    await reload();
    expect(await app.living('users/posts')).toEqual(['/users/1/posts/1']);
    expect(await app.deadLetters.replay(letter?.id ?? '')).toBe(true);
    await app.finish();
    expect(await app.living('users/posts')).toEqual([]);
    expect((await app.app.publishedChanges()).at(-1)).toMatchObject({ cause: '/users/1' });
    await app.close();
  });

  test('a validation that refuses `unset` leaves that object as it is', async () => {
    const app = await CascadingApp.open({
      models: {
        users: open(),
        tasks: open(`
          n:    { type: Long },
          boss: ${refers('/users', 'unset', ', required: 1 == 1')},
          user: ${refers('/users', 'unset')}`),
      },
    });
    await app.create('/users/1');
    await app.create('/users/2');
    const [boss, user] = ['/users/2', '/users/1'];
    await app.create('/tasks/1', { n: 1, boss, user });
    await app.create('/tasks/2', { n: 2, boss: user });
    await app.remove(user);
    await app.finish();
    expect(await app.data('/tasks/1')).toEqual({ n: 1, boss });
    expect(await app.data('/tasks/2')).toEqual({ n: 2, boss: user });
    const [letter] = await app.deadLetters.list(10);
    expect(letter?.reason).toBe(
      'an object stays: /tasks/2: 409 validation.failed {"boss":["value.required"]}',
    );
    await app.close();
  });

  test('objects that stand in the way of each other are deleted once the way is free', async () => {
    const app = await CascadingApp.open({
      models: {
        projects: open(),
        'projects/members': below,
        'projects/tasks': open(
          `assignee: ${refers('/projects/*/members', 'refuse')}`,
          'onParentDeleted: delete\n',
        ),
        bills: open(`member: ${refers('/projects/*/members', 'refuse')}`),
      },
    });
    await app.create('/projects/1');
    for (let n = 0; n < 150; n++) {
      const assignee = `/projects/1/members/${n}`;
      await app.create(assignee);
      await app.create(`/projects/1/tasks/${n}`, { assignee });
    }
    await app.create('/bills/1', { member: '/projects/1/members/7' });
    await app.remove('/projects/1');
    while ((await app.living('projects/members', 'projects/tasks')).length > 1) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await app.living('projects/members')).toEqual(['/projects/1/members/7']);
    // Not given up yet: it is tried again.
    expect(await app.unfinished()).toBe(1);
    await app.remove('/bills/1');
    await app.finish();
    expect(await app.living('projects/members')).toEqual([]);
    expect(await app.deadLetters.list(10)).toEqual([]);
    await app.close();
  });

  test('circles end', async () => {
    const app = await CascadingApp.open({
      models: { nodes: open(`next: ${refers('/nodes', 'delete')}`) },
    });
    const size = 12;
    for (let n = 0; n < size; n++) await app.create(`/nodes/${n}`);
    for (let n = 0; n < size; n++) {
      const ops = [{ op: 'set', key: 'next', value: `/nodes/${(n + 1) % size}` }];
      await app.send({ cmd: 'update', r: `/nodes/${n}`, rev: 1, body: { ops } });
    }
    await app.remove('/nodes/5');
    await app.finish();
    expect(await app.living('nodes')).toEqual([]);
    const deletions = (await app.app.publishedChanges()).filter(({ type, r }) => {
      return type === 'delete' && r.startsWith('/nodes');
    });
    // Each by the one that it referred to.
    const next = (r: string) => `/nodes/${(Number(r.slice('/nodes/'.length)) + 1) % size}`;
    expect(deletions.map(({ r, cause }) => [r, cause])).toEqual(
      deletions.map(({ r }, index) => [r, index === 0 ? undefined : next(r)]),
    );
    expect(deletions).toHaveLength(size);
    await app.close();
  });
});

describe('[CAS7] models that change while a deletion goes on', () => {
  const tree = (onParentDeleted: string, version: number) =>
    `version: ${version}\nfields: { n: { type: Long } }\nonParentDeleted: ${onParentDeleted}\n`;
  const start = async () => {
    const app = await CascadingApp.open({
      models: { users: open(), 'users/posts': tree('delete', 1), 'users/notes': tree('keep', 1) },
    });
    await app.create('/users/1');
    for (const kind of ['posts', 'notes']) {
      await Promise.all(Array.from({ length: 500 }, (_, n) => app.create(`/users/1/${kind}/${n}`)));
    }
    return app;
  };

  test('a collection that no longer says delete keeps what is left, one that says it now is deleted', async () => {
    const app = await start();
    const reload = await app.app.reload({
      'users/posts': tree('keep', 2),
      'users/notes': tree('delete', 2),
    });
    await app.remove('/users/1');
    await reload();
    await app.finish();
    // The reload comes within the first batches.
    const posts = await app.living('users/posts');
    expect(posts.length).toBeGreaterThan(0);
    expect(await app.living('users/notes')).toEqual([]);
    await app.close();
  });

  test('a step of models that were replaced since it was taken deletes nothing', async () => {
    let app: CascadingApp | undefined;
    let isReloaded = false;
    app = await CascadingApp.open({
      models: { users: open(), 'users/posts': tree('delete', 1) },
      open: (platform) => {
        const store = openMemoryStore({}, platform);
        return {
          ...bound<Store>(store),
          isSoleWriter: true,
          dependents: async (...page) => {
            const found = await store.dependents(...page);
            if (app && !isReloaded) {
              isReloaded = true;
              await (await app.app.reload({ 'users/posts': tree('keep', 2) }))();
            }
            return found;
          },
        };
      },
    });
    await app.create('/users/1');
    await app.create('/users/1/posts/1');
    await app.remove('/users/1');
    await app.finish();
    expect(isReloaded).toBe(true);
    expect(await app.living('users/posts')).toEqual(['/users/1/posts/1']);
    await app.close();
  });

  test('references of older versions are followed once they are migrated', async () => {
    const app = await CascadingApp.open({
      models: { users: open(), tasks: open('owner: { type: String }') },
    });
    await app.create('/users/1');
    await app.create('/users/2');
    for (let n = 0; n < 30; n++) await app.create(`/tasks/${n}`, { owner: `${1 + (n % 2)}` });
    const evolved = (onDeleted: string, version: number) => ({
      tasks: `version: ${version}\nfields: { user: ${refers('/users', onDeleted)} }\n`,
      'tasks/evolution-2.js': 'return { user: "/users/" + obj.owner };',
    });
    await (await app.app.reload(evolved('refuse', 2)))();
    const refused = await app.app.send(ann, { cmd: 'delete', r: '/users/1' });
    expect(refused.error).toMatchObject({ code: 409, message: 'object.referenced' });
    await (await app.app.reload(evolved('delete', 3)))();
    await app.remove('/users/1');
    await app.finish();
    expect(await app.living('tasks')).toHaveLength(15);
    await app.close();
  });

  test('an object that cannot be migrated is left as it is', async () => {
    const app = await CascadingApp.open({ models: { users: open(), 'users/posts': below } });
    await app.create('/users/1');
    for (let n = 0; n < 3; n++) await app.create(`/users/1/posts/${n}`, { n });
    const evolving = {
      'users/posts': below.replace('version: 1', 'version: 2'),
      'users/posts/evolution-2.js': 'if (obj.n === 1) throw new Error("odd"); return obj;',
    };
    await (await app.app.reload(evolving))();
    await app.remove('/users/1');
    await app.finish();
    const [letter] = await app.deadLetters.list(10);
    expect(letter?.reason).toMatch(/^an object stays: \/users\/1\/posts\/1: .*odd/);
    expect(app.metrics.read('really_cascade_objects_total delete')).toBe(2);
    await app.close();
  });
});
