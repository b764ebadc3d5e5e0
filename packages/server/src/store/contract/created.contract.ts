import { describe, expect, test } from 'vitest';
import { readPageSize, type Scope } from '../store-reads.js';
import { creation, deletion, layout, update } from './sample-writes.js';
import { type OpenStore, StoreUnderTest } from './setup.js';

const users: Scope = { names: ['users'], parents: [] };
const posts = (...parents: string[]): Scope => ({ names: ['users', 'posts'], parents });

export function createdContract(open: OpenStore): void {
  describe('created', () => {
    const subject = StoreUnderTest.each(open, { history: 5 });
    const rs = async (scope: Scope, after: number, limit = 100) => {
      const { entries, through, gone } = await subject.store.created(scope, after, limit);
      return { rs: entries.map(({ object }) => object.r), through, gone };
    };

    test('[SUB6] creations after a position, ascending, with the current object', async () => {
      const [first, second] = [creation('/users/1', { n: 1 }), creation('/users/2', { n: 2 })];
      await subject.commit(first, second);
      const changed = update(first.object, { n: 5 });
      await subject.commit(changed);
      expect(await subject.store.created(users, 0, 10)).toEqual({
        entries: [
          { pos: 1, change: first.change, object: changed.object },
          { pos: 2, change: second.change, object: second.object },
        ],
        through: 3,
        gone: false,
      });
      expect(await rs(users, 1)).toEqual({ rs: ['/users/2'], through: 3, gone: false });
      expect(await rs(users, 3)).toEqual({ rs: [], through: 3, gone: false });
    });

    test('at most the limit, and complete up to the last entry then', async () => {
      await subject.commit(...[1, 2, 3].map((id) => creation(`/users/${id}`)));
      await subject.commit(creation('/notes/1'));
      expect(await rs(users, 0, 2)).toEqual({
        rs: ['/users/1', '/users/2'],
        through: 2,
        gone: false,
      });
      expect(await rs(users, 2, 2)).toEqual({ rs: ['/users/3'], through: 4, gone: false });
      expect(await rs(users, 0, 3)).toMatchObject({ through: 3 });
    });

    test('a page ends where it has enough bytes, with at least one, and says that there is more', async () => {
      const text = 'x'.repeat(readPageSize / 4);
      await subject.commit(creation('/users/1', { text: text.repeat(5) }));
      await subject.commit(...[2, 3, 4, 5].map((id) => creation(`/users/${id}`, { text })));
      const pages: string[][] = [];
      for (let after = 0, more: true | undefined = true; more; ) {
        const page = await subject.store.created(users, after, 100);
        pages.push(page.entries.map(({ object }) => object.r));
        expect(page.through).toBe(page.more ? page.entries.at(-1)?.pos : 5);
        ({ through: after, more } = page);
      }
      expect(pages[0]).toEqual(['/users/1']);
      expect(pages.length).toBeGreaterThan(2);
      expect(pages.flat()).toEqual([1, 2, 3, 4, 5].map((id) => `/users/${id}`));
      expect((await subject.store.created(users, 0, 1)).more).toBe(true);
      expect((await subject.store.created(users, 5, 1)).more).toBeUndefined();
    });

    test('only creations in the scope: all, some or no parents named', async () => {
      await subject.commit(
        creation('/users/1'),
        creation('/users/1/posts/1'),
        creation('/users/10/posts/2'),
        creation('/users/1/posts/3'),
        creation('/users/1/posts/1/comments/4'),
        creation('/users/1/posts/2/comments/5'),
        creation('/users/10/posts/1/comments/6'),
      );
      const comments = (...parents: string[]): Scope => ({
        names: ['users', 'posts', 'comments'],
        parents,
      });
      const ids = async (scope: Scope) => (await rs(scope, 0)).rs.map((r) => r.at(-1)).join('');
      expect(await ids(posts('1'))).toBe('13');
      expect(await ids(posts('*'))).toBe('123');
      expect(await ids(posts('2'))).toBe('');
      expect(await ids(comments('1', '*'))).toBe('45');
      expect(await ids(comments('1', '2'))).toBe('5');
      expect(await ids(comments('*', '*'))).toBe('456');
      expect(await ids(users)).toBe('1');
    });

    test('objects deleted since are omitted', async () => {
      await subject.commit(creation('/users/1'), creation('/users/2'));
      await subject.commit(deletion(await subject.object('/users/1')));
      expect(await rs(users, 0)).toEqual({ rs: ['/users/2'], through: 3, gone: false });
      expect(await rs(users, 0, 1)).toEqual({ rs: ['/users/2'], through: 2, gone: false });
    });

    test('a position stays valid however much the objects change', async () => {
      await subject.store.prepare([layout('users', [], { history: 2 })]);
      const first = creation('/users/1', { n: 0 });
      await subject.commit(first, creation('/users/2'));
      for (let n = 1; n < 100; n++) {
        await subject.commit(update(await subject.object('/users/1'), { n }));
      }
      const { entries } = await subject.store.created(users, 0, 10);
      expect(entries.map(({ pos }) => pos)).toEqual([1, 2]);
      expect(entries[0]?.change).toEqual(first.change);
      expect(entries[0]?.object.data).toEqual({ n: 99 });
    });

    test('[SUB6] a position that the store never had is gone', async () => {
      await subject.commit(creation('/users/1'));
      expect(await rs(users, 2)).toMatchObject({ rs: [], gone: true });
      expect(await rs(posts('*'), 1)).toEqual({ rs: [], through: 1, gone: false });
    });
  });
}
