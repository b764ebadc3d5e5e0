import type { JsonObject } from '@really/protocol';
import { describe, expect, test } from 'vitest';
import { UniqueClash } from '../store-errors.js';
import type { StoredObject } from '../stored-object.js';
import type { Migration } from '../write-group.js';
import { creation, deletion, layout, queryOf, update } from './sample-writes.js';
import { type OpenStore, StoreUnderTest } from './setup.js';

const names = ['users'];

/** What a migration to `modelVersion` makes of an object. */
function to(modelVersion: number, before: StoredObject, data: JsonObject = { n: 2 }): Migration {
  return { object: { ...before, data, modelVersion }, from: before.modelVersion };
}

export function migrateContract(open: OpenStore): void {
  describe('migrated objects', () => {
    const subject = StoreUnderTest.each(open);

    test('have other data and another model version; revision, position and history stay', async () => {
      const { store } = subject;
      const user = creation('/users/1', { n: 1 });
      const later = update(user.object, { m: 1 });
      await subject.commit(user, later);
      const before = await store.history('/users/1', 0, 10);
      expect(await store.migrate([to(2, later.object)])).toEqual([{ kind: 'migrated' }]);
      const { object, ...history } = await store.history('/users/1', 0, 10);
      expect(object).toEqual({ ...later.object, data: { n: 2 }, modelVersion: 2 });
      expect(history.entries).toEqual(before.entries);
      expect(await store.position()).toBe(2);
      expect(await subject.object('/users/1')).toEqual(object);
      const [found] = await store.query(queryOf('users'));
      expect(found).toEqual(object);
      // The next revision can be written.
      await subject.commit(update(object as StoredObject, { n: 3 }));
      expect(await subject.object('/users/1')).toMatchObject({ rev: 3, modelVersion: 2 });
    });

    test('are overtaken where the stored object has changed', async () => {
      const { store } = subject;
      const [a, b, c] = ['a', 'b', 'c'].map((id) => creation(`/users/${id}`, { n: 1 }));
      if (!a || !b || !c) throw new Error('three');
      await subject.commit(a, b, c);
      await subject.commit(update(a.object, { n: 5 }), deletion(b.object));
      await store.migrate([to(2, c.object)]);
      const never = creation('/never/1').object;
      const outcomes = await store.migrate(
        [a.object, b.object, c.object, never].map((o) => to(3, o)),
      );
      expect(outcomes.map(({ kind }) => kind)).toEqual(Array(4).fill('overtaken'));
      expect(await subject.object('/users/a')).toMatchObject({ data: { n: 5 }, modelVersion: 1 });
      expect(await subject.object('/users/b')).toMatchObject({ deleted: true, data: {} });
      expect(await subject.object('/users/c')).toMatchObject({ modelVersion: 2 });
    });

    test('are checked for unique fields one by one', async () => {
      const { store } = subject;
      await store.prepare([layout('users', [{ fields: ['n'], unique: true }])]);
      const [a, b] = [creation('/users/a', { n: 1 }), creation('/users/b', { n: 3 })];
      await subject.commit(a, b);
      expect(await store.migrate([to(2, a.object), to(2, b.object)])).toEqual([
        { kind: 'migrated' },
        { kind: 'unique', fields: ['n'] },
      ]);
      expect(await subject.object('/users/b')).toMatchObject({ data: { n: 3 }, modelVersion: 1 });
    });
  });

  describe('unique fields of a collection that is being migrated', () => {
    const subject = StoreUnderTest.each(open);
    const seats = (currentFrom: number, indexes = [{ fields: ['no'], unique: true }]) => [
      { ...layout('seats', indexes), modelVersion: currentFrom, currentFrom },
    ];

    test('[MIG8] are checked among migrated objects, so that values may move in any order', async () => {
      const { store } = subject;
      await store.prepare(seats(1));
      const all = [1, 2, 3, 4].map((no) => creation(`/seats/${no}`, { no }));
      await subject.commit(...all);
      await store.prepare(seats(2));
      for (const { object } of all) {
        const next = to(2, object, { no: Number(object.data.no) + 1 });
        expect(await store.migrate([next])).toEqual([{ kind: 'migrated' }]);
      }
      const outcome = (no: number) => {
        const write = creation(`/seats/new${no}`, { no });
        return subject.outcome({ ...write, object: { ...write.object, modelVersion: 2 } });
      };
      expect(await outcome(5)).toEqual({ kind: 'unique', fields: ['no'] });
      expect(await outcome(1)).toMatchObject({ kind: 'committed' });
      await store.prepare(seats(2));
      expect(await outcome(2)).toEqual({ kind: 'unique', fields: ['no'] });
    });

    test('[MIG8] refuse an object that ends with the value of another', async () => {
      const { store } = subject;
      await store.prepare(seats(1));
      const [a, b] = [creation('/seats/a', { no: 1 }), creation('/seats/b', { no: 2 })];
      await subject.commit(a, b);
      await store.prepare(seats(2));
      const same = { no: 7 };
      expect(await store.migrate([to(2, a.object, same), to(2, b.object, same)])).toEqual([
        { kind: 'migrated' },
        { kind: 'unique', fields: ['no'] },
      ]);
      expect(await subject.object('/seats/b')).toEqual(b.object);
      // A field that becomes unique must be so in all of them.
      await store.prepare([layout('seats')]);
      await subject.commit(creation('/seats/c', { no: 2 }));
      await expect(store.prepare(seats(2))).rejects.toThrow(UniqueClash);
    });
  });

  describe('outdated objects', () => {
    const subject = StoreUnderTest.each(open);

    async function readPages(version: number, limit: number): Promise<string[]> {
      const found: string[] = [];
      for (let after: number | undefined = 0; after !== undefined; ) {
        const page = await subject.store.outdated(names, version, after, limit);
        found.push(...page.objects.map(({ r }) => r));
        after = page.next;
      }
      return found;
    }

    test('are found page by page: living ones below a version, of their collection', async () => {
      const { store } = subject;
      const all = ['1', '2', '3', '4', '5'].map((id) => creation(`/users/${id}`));
      await subject.commit(...all, creation('/others/1'));
      const [first, second] = all;
      if (!first || !second) throw new Error('five');
      await subject.commit(deletion(first.object));
      await store.migrate([to(2, second.object)]);
      for (const limit of [1, 2, 3, 100]) {
        expect(await readPages(2, limit)).toEqual(['/users/3', '/users/4', '/users/5']);
      }
      expect(await readPages(1, 2)).toEqual([]);
      expect(await readPages(3, 2)).toHaveLength(4);
      const counts = [1, 2, 3].map((version) => store.countOutdated(names, version));
      expect(await Promise.all(counts)).toEqual([0, 3, 4]);
      expect(await store.countOutdated(['nothing'], 9)).toBe(0);
      expect(await store.outdated(['nothing'], 9, 0, 10)).toEqual({
        objects: [],
        next: undefined,
      });
    });

    test('can be migrated between two pages', async () => {
      const { store } = subject;
      const all = Array.from({ length: 7 }, (_, n) => creation(`/users/${n}`));
      await subject.commit(...all);
      const seen: string[] = [];
      for (let after: number | undefined = 0; after !== undefined; ) {
        const page = await store.outdated(names, 2, after, 3);
        seen.push(...page.objects.map(({ r }) => r));
        await store.migrate(page.objects.map((object) => to(2, object)));
        after = page.next;
      }
      expect(seen).toHaveLength(7);
      expect(await readPages(2, 3)).toEqual([]);
    });

    test('are there again when an older version is written after all were migrated', async () => {
      const { store } = subject;
      const user = creation('/users/1');
      await subject.commit(user);
      await store.migrate([to(2, user.object)]);
      await store.migrated(names, 2);
      expect(await readPages(2, 10)).toEqual([]);
      expect(await store.countOutdated(names, 2)).toBe(0);
      await subject.commit(creation('/users/2'));
      expect(await readPages(2, 10)).toEqual(['/users/2']);
    });

    test('are there again when a group is refused first, and when it is tried twice', async () => {
      const { store } = subject;
      const unique = layout('users', [{ fields: ['n'], unique: true }]);
      await store.prepare([unique]);
      const user = creation('/users/1', { n: 1 });
      await subject.commit(user);
      const migrated = to(2, user.object, { n: 1 });
      await store.migrate([migrated]);
      await store.migrated(names, 2);
      const refused = { writes: [creation('/users/2'), creation('/users/1')] };
      expect(await store.commit([refused])).toMatchObject([{ kind: 'refused', index: 1 }]);
      expect(await readPages(2, 10)).toEqual([]);
      // The value moves to an object that is written before the one that had it.
      const moves = [creation('/users/3', { n: 1 }), update(migrated.object, { n: 2 })];
      const group = { writes: [creation('/users/2'), ...moves] };
      expect(await store.commit([group])).toMatchObject([{ kind: 'committed' }]);
      expect(await readPages(2, 10)).toEqual(['/users/2', '/users/3']);
      expect(await store.countOutdated(names, 2)).toBe(2);
    });

    test('are omitted from a query that asks for a version', async () => {
      const { store } = subject;
      const [a, b] = [creation('/users/a', { n: 2 }), creation('/users/b', { n: 2 })];
      await subject.commit(a, b);
      await store.migrate([to(2, a.object)]);
      const query = queryOf('users', { modelVersion: 2 });
      expect((await store.query(query)).map(({ r }) => r)).toEqual(['/users/a']);
      expect(await store.count(query)).toBe(1);
      expect(await store.count({ ...query, modelVersion: 1 })).toBe(2);
      expect(await store.count({ ...query, modelVersion: 3 })).toBe(0);
    });
  });

  describe('another version of a model', () => {
    const subject = StoreUnderTest.each(open);
    const scope = { names, parents: [] };
    const version = (modelVersion: number) => [{ ...layout('users'), modelVersion }];

    test('has a position, before which no changes of its collection are returned', async () => {
      const { store } = subject;
      await store.prepare(version(1));
      await subject.commit(creation('/users/1'), creation('/others/1'));
      await store.prepare(version(1));
      expect(await store.position()).toBe(2);
      expect(await store.changes(scope, 0, 10)).toMatchObject({ gone: false });
      await store.prepare(version(2));
      expect(await store.position()).toBe(3);
      for (const after of [0, 1, 2]) {
        expect(await store.changes(scope, after, 10)).toMatchObject({ gone: true });
      }
      expect(await store.changes(scope, 3, 10)).toEqual({ entries: [], through: 3, gone: false });
      const others = { names: ['others'], parents: [] };
      expect(await store.changes(others, 0, 10)).toMatchObject({ gone: false });
      expect(await store.created(scope, 0, 10)).toMatchObject({ gone: false });
      expect(await subject.commit(creation('/users/2'))).toEqual([4]);
      const { entries } = await store.changes(scope, 3, 10);
      expect(entries.map(({ pos, change }) => [pos, change.r])).toEqual([[4, '/users/2']]);
    });
  });
}
