import { describe, expect, test } from 'vitest';
import type { CollectionSlice } from '../export-reader.js';
import { StoreUnavailable } from '../store-errors.js';
import type { ObjectWithHistory } from '../stored-object.js';
import { creation, deletion, layout, update } from './sample-writes.js';
import { type OpenStore, StoreUnderTest } from './setup.js';

const rsOf = ({ entries }: { readonly entries: readonly ObjectWithHistory[] }) =>
  entries.map(({ object: { r } }) => r);

export function readerContract(open: OpenStore): void {
  describe('export reader', () => {
    const subject = StoreUnderTest.each(open, { history: 3 });
    const users = { names: ['users'], limit: 100, history: true };

    test('[MOV3] lists collections with their sizes, also those that were only prepared', async () => {
      const { store, reader } = subject;
      await store.prepare([layout('users/posts'), layout('empty')]);
      const left = creation('/users/2');
      await subject.commit(creation('/users/1'), left, creation('/users/1/posts/1'));
      await subject.commit(deletion(left.object));
      expect(await reader.collections()).toEqual([
        { names: ['empty'], objects: 0 },
        { names: ['users'], objects: 2 },
        { names: ['users', 'posts'], objects: 1 },
      ]);
      expect(await reader.state()).toEqual({
        position: await store.position(),
        newest: await store.latestChangeTime(),
      });
    });

    test('[MOV3] a slice has objects and tombstones by id and R, and the next goes on after it', async () => {
      const { reader } = subject;
      const gone = creation('/a/1/b/2');
      const rs = ['/a/2/b/3', '/a/1/b/3', '/a/1-/b/3', '/a/9/b/1'];
      await subject.commit(...rs.map((r) => creation(r)), gone);
      await subject.commit(deletion(gone.object));
      const names = ['a', 'b'];
      const seen: string[] = [];
      let slice: CollectionSlice = { entries: [], more: true };
      for (let turn = 0; slice.more; turn++) {
        const after = seen.at(-1);
        slice = await reader.slice({ names, after, limit: 2, history: false });
        seen.push(...rsOf(slice));
        expect(turn).toBeLessThan(5);
      }
      expect(seen).toEqual(['/a/9/b/1', '/a/1/b/2', '/a/1-/b/3', '/a/1/b/3', '/a/2/b/3']);
      const after = { names, limit: 10, history: false, after: '/a/1/b/2x' };
      expect(rsOf(await reader.slice(after))).toEqual(seen.slice(2));
    });

    test('[MOV3] a history has everything kept: the creation, and what was not pruned', async () => {
      const { reader } = subject;
      const writes = [creation('/users/1', { n: 0 })];
      for (let n = 1; n < 3; n++) {
        const { object } = writes.at(-1) ?? creation('/users/1');
        writes.push(update(object, { n }));
      }
      await subject.commit(...writes, creation('/users/2'));
      const { entries } = await reader.slice(users);
      expect(entries[0]).toEqual({
        object: writes.at(-1)?.object,
        history: writes.map(({ change }) => change),
      });
      const [bare] = (await reader.slice({ ...users, history: false })).entries;
      expect(bare).toEqual({ object: writes.at(-1)?.object, history: [] });
    });

    test('[MOV3] a deleted object has only its deletion', async () => {
      const first = creation('/users/1');
      const gone = deletion(first.object);
      await subject.commit(first, gone);
      const { entries } = await subject.reader.slice(users);
      expect(entries).toEqual([{ object: gone.object, history: [gone.change] }]);
    });

    test('[MOV3] a restored object is read unchanged, with gaps in its history', async () => {
      const { store, reader } = subject;
      const born = creation('/users/1', { n: 0 });
      const next = update(born.object, { n: 1 });
      const last = update(next.object, { n: 2 });
      const kept = { object: last.object, history: [born.change, last.change] };
      await store.restore([{ ...kept, replaces: false }], 0);
      expect((await reader.slice(users)).entries).toEqual([kept]);
    });

    test('[MOV4] an object altered since a position is returned once, in its current state', async () => {
      const { store, reader } = subject;
      const [a, b, c] = ['a', 'b', 'c'].map((id) => creation(`/users/${id}`));
      if (!a || !b || !c) throw new Error('there are three');
      await subject.commit(a, b, c);
      const since = await store.position();
      expect(await reader.altered(since, 10, true)).toEqual({
        entries: [],
        through: since,
        more: false,
        lost: [],
      });
      const grown = update(a.object, { n: 1 });
      const again = update(grown.object, { n: 2 });
      const gone = deletion(b.object);
      await subject.commit(grown, again, gone, creation('/notes/1'));
      const all = await reader.altered(since, 10, true);
      expect(rsOf(all).sort()).toEqual(['/notes/1', '/users/a', '/users/b']);
      expect(all).toMatchObject({ through: since + 4, more: false, lost: [] });
      expect(all.entries.find(({ object: { r } }) => r === '/users/a')).toEqual({
        object: again.object,
        history: [a, grown, again].map(({ change }) => change),
      });
    });

    test('[MOV4] goes on where a result ended, until there is no more', async () => {
      const { reader } = subject;
      const rs = ['1', '2', '3', '4', '5'].map((id) => `/users/${id}`);
      await subject.commit(...rs.map((r) => creation(r)));
      const seen: string[] = [];
      let through = 0;
      for (let more = true; more; ) {
        const result = await reader.altered(through, 2, false);
        seen.push(...rsOf(result));
        ({ through, more } = result);
      }
      expect(seen).toEqual(rs);
      expect(through).toBe(5);
    });

    test('[MOV4] erased objects are omitted', async () => {
      const { store, reader } = subject;
      await subject.commit(creation('/_jobs/1'), creation('/_jobs/2'));
      await store.commit([{ writes: [], erases: ['/_jobs/1'] }]);
      expect(rsOf(await reader.altered(0, 10, true))).toEqual(['/_jobs/2']);
    });

    test('a closed reader is unavailable, and closes again', async () => {
      const { reader } = subject;
      await reader.close();
      await reader.close();
      const calls = [
        () => reader.state(),
        () => reader.collections(),
        () => reader.slice(users),
        () => reader.altered(0, 1, false),
      ];
      for (const call of calls) await expect(call()).rejects.toThrow(StoreUnavailable);
    });
  });
}
