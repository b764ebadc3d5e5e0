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
      const { entries, through, gone } = await subject.store.changes(scope, after, limit);
      const changes = entries.map(({ pos, change }) => `${pos} ${change.type} ${change.r}`);
      return { changes, through, gone };
    };

    test('every change after a position, ascending, with the current object', async () => {
      const first = creation('/users/1', { n: 1 });
      await subject.commit(first);
      const changed = update(first.object, { n: 5 });
      await subject.commit(creation('/notes/1'), changed);
      expect(await subject.store.changes(users, 0, 10)).toEqual({
        entries: [
          { pos: 1, change: first.change, object: changed.object },
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
      expect(await changesOf(users, 0, 1)).toMatchObject({ through: 1 });
      expect(await changesOf(users, 3)).toEqual({ changes: [], through: 3, gone: false });
      expect(await changesOf(users, 4)).toMatchObject({ gone: true });
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
