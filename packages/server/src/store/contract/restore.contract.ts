import { describe, expect, test } from 'vitest';
import type { ObjectWithHistory } from '../stored-object.js';
import type { RestoredObject, Write } from '../write-group.js';
import { creation, deletion, layout, queryOf, update } from './sample-writes.js';
import { type OpenStore, StoreUnderTest } from './setup.js';

const later = 1_800_000_000_000;

/** An object as a series of writes leaves it. */
export function keptAfter(...writes: readonly Write[]): ObjectWithHistory {
  const last = writes.at(-1);
  if (!last) throw new Error('at least one');
  const changes = writes.map(({ change }) => change);
  return { object: last.object, history: last.object.deleted ? changes.slice(-1) : changes };
}

const restored = (kept: ObjectWithHistory, replaces = false): RestoredObject => ({
  ...kept,
  replaces,
});

export function restoreContract(open: OpenStore): void {
  describe('restored objects', () => {
    const subject = StoreUnderTest.each(open);
    const born = creation('/users/1', { n: 1 });
    const grown = update(born.object, { n: 2 }, { at: later });
    const grownAgain = update(grown.object, { m: 3 });

    test('[MOV8] keep revision, model version and history, at new positions', async () => {
      const { store } = subject;
      await subject.commit(creation('/users/0'));
      const object = { ...grownAgain.object, modelVersion: 7 };
      const kept = { object, history: [born, grown, grownAgain].map(({ change }) => change) };
      expect(await store.restore([restored(kept)], 0)).toEqual({ kind: 'restored' });
      expect(await store.get('/users/1')).toEqual(object);
      expect(await store.history('/users/1', 0, 10)).toEqual({
        object,
        entries: kept.history,
        complete: true,
      });
      expect(await store.position()).toBe(4);
      expect(await subject.commit(update(object, { n: 9 }))).toEqual([5]);
      expect((await store.history('/users/1', 2, 10)).entries.map(({ rev }) => rev)).toEqual([
        3, 4,
      ]);
    });

    test('[MOV8] a deleted one is a tombstone, which no write follows', async () => {
      const gone = deletion(grown.object);
      const { store } = subject;
      await store.restore([restored(keptAfter(born, grown, gone))], 0);
      expect(await store.get('/users/1')).toEqual(gone.object);
      const { entries } = await store.history('/users/1', 2, 10);
      expect(entries).toEqual([gone.change]);
      expect(await store.count(queryOf('users'))).toBe(0);
      expect(await subject.outcome(creation('/users/1'))).toMatchObject({ kind: 'conflict' });
    });

    test('[MOV8] a deleted one may have an empty history', async () => {
      const { store, reader } = subject;
      const { object } = deletion(grown.object);
      await store.restore(
        [{ object, history: [], replaces: false }, restored(keptAfter(creation('/users/2')))],
        0,
      );
      expect(await store.get('/users/1')).toEqual(object);
      expect(await store.history('/users/1', 2, 10)).toEqual({
        object,
        entries: [],
        complete: false,
      });
      expect(await store.position()).toBe(2);
      const read = await reader.slice({ names: ['users'], limit: 9, history: true });
      expect(read.entries[0]).toEqual({ object, history: [] });
    });

    test('[MOV8] pruned parts of a history are not returned', async () => {
      const { store } = subject;
      const { object } = grownAgain;
      await store.restore([restored({ object, history: [born.change, grownAgain.change] })], 0);
      await store.restore(
        [
          restored({
            object: { ...object, r: '/users/2' },
            history: [{ ...born.change, r: '/users/2' }],
          }),
        ],
        0,
      );
      expect(await store.history('/users/1', 2, 10)).toMatchObject({
        entries: [{ rev: 3 }],
        complete: true,
      });
      expect(await store.history('/users/1', 1, 10)).toMatchObject({
        entries: [],
        complete: false,
      });
      expect(await store.history('/users/2', 2, 10)).toMatchObject({
        entries: [],
        complete: false,
      });
      const { entries } = await store.created({ names: ['users'], parents: [] }, 0, 10);
      expect(entries.map(({ object: { r } }) => r)).toEqual(['/users/1', '/users/2']);
      await subject.commit(deletion(object));
      const changes = await store.changes({ names: ['users'], parents: [] }, 3, 10);
      expect(changes.entries.map(({ change }) => change.type)).toEqual(['delete']);
    });

    test('[MOV8] ids begin after everything restored, and after the latest change time of the other store', async () => {
      const { store } = subject;
      await store.restore([restored(keptAfter(born, grown))], 5);
      expect(await store.latestChangeTime()).toBe(later);
      await store.restore([], later + 7);
      expect(await store.latestChangeTime()).toBe(later + 7);
      await store.restore([], 1);
      expect(await store.latestChangeTime()).toBe(later + 7);
    });

    test('[MOV8] a position from before the restore is gone', async () => {
      const { store } = subject;
      const scope = { names: ['users'], parents: [] };
      await subject.commit(creation('/users/0'), creation('/notes/1'));
      await store.restore([restored(keptAfter(born))], 0);
      expect((await store.changes(scope, 2, 10)).gone).toBe(true);
      expect((await store.changes(scope, 3, 10)).gone).toBe(false);
      expect((await store.changes({ names: ['notes'], parents: [] }, 1, 10)).gone).toBe(false);
      const created = await store.created(scope, 2, 10);
      expect(created.entries.map(({ object: { r } }) => r)).toEqual(['/users/1']);
    });

    test('[MOV8] one of an earlier model version is outdated', async () => {
      const { store } = subject;
      await subject.commit(creation('/users/0'));
      await store.migrated(['users'], 5);
      const object = { ...born.object, modelVersion: 3 };
      await store.restore([restored({ object, history: [born.change] })], 0);
      const { objects } = await store.outdated(['users'], 4, 0, 10);
      expect(objects).toContainEqual(object);
    });

    test('[MOV9] all or none: an existing object refuses the restore', async () => {
      const { store } = subject;
      await subject.commit(creation('/users/0', { n: 5 }));
      const taken = restored(keptAfter(creation('/users/0', { n: 6 })));
      expect(await store.restore([restored(keptAfter(born)), taken], later)).toEqual({
        kind: 'refused',
        index: 1,
        refusal: { kind: 'conflict', rev: 1, deleted: false },
      });
      expect(await store.get('/users/1')).toBeUndefined();
      expect(await store.position()).toBe(1);
      expect(await store.latestChangeTime()).toBeLessThan(later);
      expect(await subject.commit(born)).toEqual([2]);
    });

    test('[MOV9] unique fields are enforced', async () => {
      const { store } = subject;
      await store.prepare([layout('users', [{ fields: ['email'], unique: true }])]);
      await subject.commit(creation('/users/0', { email: 'a' }));
      const other = (email: string) => restored(keptAfter(creation('/users/1', { email })));
      expect(await store.restore([other('a')], 0)).toEqual({
        kind: 'refused',
        index: 0,
        refusal: { kind: 'unique', fields: ['email'] },
      });
      expect(await store.restore([other('b')], 0)).toEqual({ kind: 'restored' });
      expect(await subject.outcome(creation('/users/2', { email: 'b' }))).toMatchObject({
        kind: 'unique',
      });
    });

    test('[MOV10] an entry may replace an existing object with its history, and two may swap unique values', async () => {
      const { store } = subject;
      await store.prepare([layout('users', [{ fields: ['email'], unique: true }])]);
      const [a, b] = [creation('/users/a', { email: 'x' }), creation('/users/b', { email: 'y' })];
      await subject.commit(a, b, update(a.object, { n: 1 }));
      const entryOf = (r: string, email: string) => keptAfter(creation(r, { email }));
      const swapped = [
        entryOf('/users/a', 'y'),
        entryOf('/users/b', 'x'),
        entryOf('/users/c', 'z'),
      ];
      const entries = swapped.map((kept) => restored(kept, true));
      expect(await store.restore(entries, 0)).toEqual({ kind: 'restored' });
      expect(await subject.object('/users/a')).toEqual(swapped[0]?.object);
      expect(await store.history('/users/a', 0, 10)).toMatchObject({
        entries: swapped[0]?.history,
        complete: true,
      });
    });

    test('[MOV10] a refused replacement changes nothing', async () => {
      const { store } = subject;
      const there = creation('/users/1', { n: 'there' });
      await subject.commit(there, creation('/users/0'));
      const entries = [restored(keptAfter(born), true), restored(keptAfter(creation('/users/0')))];
      expect(await store.restore(entries, 0)).toMatchObject({ kind: 'refused', index: 1 });
      expect(await store.history('/users/1', 0, 10)).toEqual({
        object: there.object,
        entries: [there.change],
        complete: true,
      });
    });
  });
}
