import { describe, expect, test } from 'vitest';
import type { Scope } from '../store-reads.js';
import { creation, deletion, layout, update } from './sample-writes.js';
import { type OpenStore, StoreUnderTest } from './setup.js';

const users: Scope = { names: ['users'], parents: [] };
const posts = (...parents: string[]): Scope => ({ names: ['users', 'posts'], parents });

export function changesContract(open: OpenStore): void {
  describe('changes', () => {
    const subject = StoreUnderTest.each(open, { history: 5 });
    const changesOf = async (scope: Scope, after: number, limit = 100) => {
      const { entries, through, gone, more } = await subject.store.changes(scope, after, limit);
      const changes = entries.map(({ pos, change }) => `${pos} ${change.type} ${change.r}`);
      return { changes, through, gone, ...(more && { more }) };
    };

    test('every change after a position, ascending, the last one with the current object', async () => {
      const first = creation('/users/1', { n: 1 });
      await subject.commit(first);
      const changed = update(first.object, { n: 5 });
      await subject.commit(creation('/notes/1'), changed);
      expect(await subject.store.changes(users, 0, 10)).toEqual({
        entries: [
          { pos: 1, change: first.change },
          { pos: 3, change: changed.change, object: changed.object },
        ],
        through: 3,
        gone: false,
      });
      expect(await changesOf(users, 1)).toEqual({
        changes: ['3 update /users/1'],
        through: 3,
        gone: false,
      });
      expect(await changesOf(users, 0, 1)).toMatchObject({ through: 1, more: true });
      expect(await changesOf(users, 3)).toEqual({ changes: [], through: 3, gone: false });
      expect(await changesOf(users, 4)).toMatchObject({ gone: true });
    });

    test('an object that changed often comes once', async () => {
      await subject.store.prepare([layout('users', [], { history: 100 })]);
      await subject.commit(creation('/users/1', { text: 'x'.repeat(300_000) }));
      for (let n = 0; n < 20; n++) {
        await subject.commit(update(await subject.object('/users/1'), { n }));
      }
      const { entries, through, more } = await subject.store.changes(users, 1, 100);
      expect(entries.map(({ object }) => object?.rev).join()).toBe(`${','.repeat(19)}21`);
      expect({ count: entries.length, through, more }).toEqual({ count: 20, through: 21 });
    });

    test('a page ends where it is large, with at least one change, and says so', async () => {
      const text = 'x'.repeat(400_000);
      for (const n of [1, 2, 3]) await subject.commit(creation(`/users/${n}`, { text }));
      await subject.commit(creation('/users/4', { text: text.repeat(3) }));
      await subject.commit(creation('/users/5'));
      const through: number[] = [];
      for (let at = 0, more: true | undefined = true; more; ) {
        const page = await changesOf(users, at);
        expect(page.changes.length).toBe(page.through - at);
        through.push(page.through);
        ({ through: at, more } = page);
      }
      expect(through).toEqual([2, 4, 5]);
    });

    test('a deleted object has only its deletion, with its tombstone', async () => {
      await subject.commit(creation('/users/1', { n: 1 }), creation('/users/2'));
      await subject.commit(update(await subject.object('/users/1'), { n: 2 }));
      await subject.commit(deletion(await subject.object('/users/1')));
      expect(await changesOf(users, 0)).toEqual({
        changes: ['2 create /users/2', '4 delete /users/1'],
        through: 4,
        gone: false,
      });
      const { entries } = await subject.store.changes(users, 2, 10);
      expect(entries[0]?.object).toMatchObject({ r: '/users/1', rev: 3, deleted: true, data: {} });
    });

    test('only changes in the scope: parents named, or a wildcard', async () => {
      await subject.commit(
        creation('/users/1'),
        creation('/users/1/posts/1'),
        creation('/users/10/posts/2'),
        creation('/users/1/posts/1/comments/3'),
      );
      const ids = async (scope: Scope) =>
        (await changesOf(scope, 0)).changes.map((change) => change.at(-1)).join('');
      expect(await ids(posts('1'))).toBe('1');
      expect(await ids(posts('*'))).toBe('12');
      expect(await ids(posts('2'))).toBe('');
    });

    test('a position before which history was cut off is gone', async () => {
      await subject.store.prepare([layout('users', [], { history: 2 })]);
      await subject.commit(creation('/users/1', { n: 0 }));
      for (let n = 1; n < 100; n++) {
        await subject.commit(update(await subject.object('/users/1'), { n }));
      }
      expect(await changesOf(users, 1)).toMatchObject({ changes: [], gone: true });
      expect(await changesOf(users, 99)).toEqual({
        changes: ['100 update /users/1'],
        through: 100,
        gone: false,
      });
    });
  });
}
