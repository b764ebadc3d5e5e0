import type { JsonObject } from '@really/protocol';
import { describe, expect, test } from 'vitest';
import type { Store } from '../store.js';
import type { Dependency } from '../store-reads.js';
import { alone, creation, deletion, layout, update } from './sample-writes.js';
import { type OpenStore, StoreUnderTest } from './setup.js';

const references = ['a', 'o.b', 'list[]', 'items[].user', 'grid[][]'];
const inField = (field: string): Dependency => ({ names: ['tasks'], field });
const posts: Dependency = { names: ['users', 'posts'] };
const u1 = '/users/1';

/** All dependents, read page by page. */
async function all(store: Store, r: string, dependency: Dependency, limit = 2): Promise<string[]> {
  const found: string[] = [];
  for (let after: string | undefined, turn = 0; turn < 100; turn++) {
    const page = await store.dependents(r, dependency, { after, limit });
    expect(page.rs.length).toBeLessThanOrEqual(limit);
    found.push(...page.rs);
    if (page.next === undefined) return found.sort();
    after = page.next;
  }
  throw new Error('the pages have no end');
}

export function dependentsContract(open: OpenStore): void {
  describe('[CAS2] the objects right below an object', () => {
    const subject = StoreUnderTest.each(open);

    test('are found page by page, without deleted ones and those of others', async () => {
      const { store } = subject;
      const gone = creation('/users/1/posts/5');
      const rs = ['1/posts/1', '1/posts/10', '1/posts/2', '11/posts/1', '2/posts/1'];
      await subject.commit(creation(u1), creation('/users/1/posts/1/comments/1'), gone);
      await subject.commit(...rs.map((r) => creation(`/users/${r}`)), deletion(gone.object));
      const found = ['/users/1/posts/1', '/users/1/posts/10', '/users/1/posts/2'];
      for (const limit of [1, 2, 3, 4]) {
        expect(await all(store, u1, posts, limit)).toEqual(found);
      }
      const comments = { names: ['users', 'posts', 'comments'] };
      expect(await all(store, '/users/1/posts/1', comments)).toEqual([
        '/users/1/posts/1/comments/1',
      ]);
      expect(await all(store, u1, { names: ['users', 'never'] })).toEqual([]);
    });

    test('a page goes on where the last one ended, though its objects are deleted', async () => {
      const { store } = subject;
      const some = ['1', '2', '3', '4'].map((id) => creation(`/users/1/posts/${id}`));
      await subject.commit(...some);
      const first = await store.dependents(u1, posts, { limit: 2 });
      const isFirst = ({ object }: (typeof some)[number]) => first.rs.includes(object.r);
      await subject.commit(...some.filter(isFirst).map(({ object }) => deletion(object)));
      const second = await store.dependents(u1, posts, { after: first.next, limit: 2 });
      expect([...first.rs, ...second.rs].sort()).toEqual(some.map(({ object }) => object.r));
    });
  });

  describe('[CAS3] the objects that refer to an object', () => {
    const subject = StoreUnderTest.each(open);
    const prepared = async (paths: readonly string[] = references) => {
      await subject.store.prepare([{ ...layout('tasks'), references: paths }]);
      return subject.store;
    };

    test('are found by field, wherever the field is, each once', async () => {
      const store = await prepared();
      const data: Record<string, JsonObject> = {
        a: { a: u1 },
        'o.b': { o: { b: u1, c: '/users/2' } },
        'list[]': { list: ['/users/2', u1, u1] },
        'items[].user': { items: [{ user: '/users/2' }, {}, { user: u1 }] },
        'grid[][]': { grid: [[], ['/users/2'], ['/users/2', u1]] },
      };
      for (const [index, value] of Object.values(data).entries()) {
        await subject.commit(creation(`/tasks/${index}`, value));
      }
      for (const [index, path] of Object.keys(data).entries()) {
        expect(await all(store, u1, inField(path))).toEqual([`/tasks/${index}`]);
        expect(await all(store, '/users/3', inField(path))).toEqual([]);
      }
    });

    test('what is of another type than the path says refers to nothing', async () => {
      const store = await prepared();
      const odd: JsonObject[] = [
        { a: [u1], o: u1, list: u1, items: [u1, [u1]], grid: [u1, { x: u1 }] },
        { a: { b: u1 }, o: [{ b: u1 }], list: { x: u1 }, items: { user: u1 }, grid: u1 },
        { a: 1, o: null, list: [1, null, { b: u1 }, [u1]], items: [null, 1], grid: [null, [1]] },
      ];
      await subject.commit(...odd.map((value, index) => creation(`/tasks/${index}`, value)));
      for (const path of references) expect(await all(store, u1, inField(path))).toEqual([]);
    });

    test('follow updates, deletions, erasures, migrations and imports', async () => {
      const store = await prepared();
      const found = () => all(store, u1, inField('list[]'));
      const task = creation('/tasks/1', { list: [u1] });
      const other = update(task.object, { list: ['/users/2'] });
      const back = update(other.object, { list: ['/users/2', u1], n: 1 });
      const renamed = update(back.object, { n: 2 });
      await subject.commit(task);
      expect(await found()).toEqual(['/tasks/1']);
      await subject.commit(other);
      expect(await found()).toEqual([]);
      await subject.commit(back, renamed);
      expect(await found()).toEqual(['/tasks/1']);
      const migrated = { ...renamed.object, data: { list: [] }, modelVersion: 2 };
      await store.migrate([{ object: migrated, from: 1 }]);
      expect(await found()).toEqual([]);
      const imported = creation('/tasks/2', { list: [u1] });
      const entry = { object: imported.object, history: [imported.change], replaces: true };
      await store.restore([entry], 0);
      expect(await found()).toEqual(['/tasks/2']);
      const replaced = { ...imported.object, data: {} };
      await store.restore([{ object: replaced, history: [imported.change], replaces: true }], 0);
      expect(await found()).toEqual([]);
      const last = creation('/tasks/3', { list: [u1] });
      await subject.commit(last);
      await subject.commit(deletion(last.object));
      expect(await found()).toEqual([]);
    });

    test('are found in a field that a later layout adds, and no more in one that it removes', async () => {
      const store = await prepared(['a']);
      await subject.commit(creation('/tasks/1', { a: u1, list: [u1] }));
      const gone = creation('/tasks/2', { list: [u1] });
      await subject.commit(gone);
      await subject.commit(deletion(gone.object));
      await prepared(['list[]']);
      expect(await all(store, u1, inField('list[]'))).toEqual(['/tasks/1']);
      await prepared(['list[]']);
      expect(await all(store, u1, inField('list[]'))).toEqual(['/tasks/1']);
      await subject.commit(creation('/tasks/3', { list: [u1] }));
      await prepared([]);
      await prepared(['a', 'list[]']);
      expect(await all(store, u1, inField('list[]'))).toEqual(['/tasks/1', '/tasks/3']);
      expect(await all(store, u1, inField('a'))).toEqual(['/tasks/1']);
    });

    test('a refused group leaves them as they were', async () => {
      const store = await prepared();
      const task = creation('/tasks/1', { a: u1 });
      await subject.commit(task);
      const away = update(task.object, { a: '/users/2' });
      const [outcome] = await store.commit([{ writes: [away, creation('/tasks/1')] }]);
      expect(outcome?.kind).toBe('refused');
      expect(await all(store, u1, inField('a'))).toEqual(['/tasks/1']);
    });
  });

  describe('[CAS3] a deletion that nothing may depend on', () => {
    const subject = StoreUnderTest.each(open);
    const user = creation(u1, {});
    const bare = (r = u1) => ({
      ...deletion(creation(r).object),
      noDependents: [inField('a'), inField('list[]'), posts],
    });
    const start = async () => {
      const fields = { ...layout('tasks'), references: ['a', 'list[]'] };
      await subject.store.prepare([fields, layout('users'), layout('users/posts')]);
      await subject.commit(user);
    };

    test('is refused as long as something does, and says in which way', async () => {
      await start();
      const task = creation('/tasks/1', { list: [u1] }, { requires: [u1] });
      await subject.commit(task);
      const refused = { kind: 'referenced', by: inField('list[]') };
      expect(await subject.outcome(bare())).toEqual(refused);
      await subject.commit(deletion(task.object));
      const post = creation('/users/1/posts/1');
      await subject.commit(post);
      expect(await subject.outcome(bare())).toEqual({ kind: 'referenced', by: posts });
      await subject.commit(deletion(post.object));
      expect((await subject.outcome(bare()))?.kind).toBe('committed');
    });

    test('sees the writes before it in its group and in its commit, and they see it', async () => {
      await start();
      const task = creation('/tasks/1', { a: u1 }, { requires: [u1] });
      const { store } = subject;
      expect(await store.commit([{ writes: [task, bare()] }])).toEqual([
        { kind: 'refused', index: 1, refusal: { kind: 'referenced', by: inField('a') } },
      ]);
      expect(await store.commit([{ writes: [bare(), task] }])).toEqual([
        { kind: 'refused', index: 1, refusal: { kind: 'missing', r: u1 } },
      ]);
      const both = await subject.outcomes(alone(task), alone(bare()));
      expect(both.map(({ kind }) => kind)).toEqual(['committed', 'referenced']);
      const freed = deletion(task.object);
      const [group] = await subject.outcomes({ writes: [freed, bare()] });
      expect(group?.kind).toBe('committed');
      const late = creation('/tasks/2', { a: u1 }, { requires: [u1] });
      expect(await subject.outcome(late)).toEqual({ kind: 'missing', r: u1 });
    });

    test('does not mind the object itself', async () => {
      await start();
      const self = creation('/tasks/1', { a: '/tasks/1' });
      await subject.commit(self);
      const write = { ...deletion(self.object), noDependents: [inField('a')] };
      expect((await subject.outcome(write))?.kind).toBe('committed');
    });
  });

  describe('[CAS4] the cause of a change', () => {
    const subject = StoreUnderTest.each(open);

    test('is kept with it, in histories, in the log and in exports', async () => {
      const { store, reader } = subject;
      const task = creation('/tasks/1', { a: u1 });
      const plain = update(task.object, { a: null });
      const unset = { ...plain, change: { ...plain.change, cause: u1 } };
      await subject.commit(task, unset);
      const { entries } = await store.history('/tasks/1', 0, 10);
      expect(entries.map(({ cause }) => cause)).toEqual([undefined, u1]);
      const scope = { names: ['tasks'], parents: [] };
      const log = await store.changes(scope, 0, 10);
      expect(log.entries.map(({ change }) => change.cause)).toEqual([undefined, u1]);
      const slice = await reader.slice({ names: ['tasks'], limit: 10, history: true });
      expect(slice.entries[0]?.history.map(({ cause }) => cause)).toEqual([undefined, u1]);
      const gone = deletion(unset.object);
      await subject.commit({ ...gone, change: { ...gone.change, cause: u1 } });
      const left = await store.history('/tasks/1', 2, 10);
      expect(left.entries.map(({ cause }) => cause)).toEqual([u1]);
    });
  });
}
