import { describe, expect, test } from 'vitest';
import { alone, creation, deletion, layout, update } from './sample-writes.js';
import { type OpenStore, StoreUnderTest } from './setup.js';

export function groupsContract(open: OpenStore): void {
  describe('groups', () => {
    const subject = StoreUnderTest.each(open);
    const users = { names: ['users'], parents: [] };
    const once = { uid: 'u1', id: 'k', cmd: 'batch', r: 'x' };

    test('all writes of a group are applied, at positions in their order', async () => {
      await subject.commit(creation('/users/0'));
      const writes = [creation('/users/1'), creation('/notes/1'), creation('/users/2')];
      const outcomes = await subject.store.commit([{ writes }, alone(creation('/users/3'))]);
      expect(outcomes).toEqual([
        { kind: 'committed', positions: [2, 3, 4] },
        { kind: 'committed', positions: [5] },
      ]);
      const { entries } = await subject.store.created(users, 0, 10);
      expect(entries.map(({ pos }) => pos)).toEqual([1, 2, 4, 5]);
    });

    test('each write of a group sees the ones before it: revisions, requirements, unique values', async () => {
      await subject.store.prepare([layout('users', [{ field: 'email', unique: true }])]);
      const first = creation('/users/1', { email: 'a' });
      const moved = update(first.object, { email: 'b' });
      const child = creation('/users/1/posts/1', {}, { requires: ['/users/1'] });
      const heir = creation('/users/2', { email: 'a' });
      const writes = [first, child, moved, heir, deletion(moved.object)];
      expect(await subject.outcomes({ writes })).toEqual([
        { kind: 'committed', positions: [1, 2, 3, 4, 5] },
      ]);
      expect(await subject.object('/users/1')).toMatchObject({ rev: 3, deleted: true });
      expect(await subject.object('/users/2')).toMatchObject({ rev: 1, data: { email: 'a' } });
    });

    test('where a write is refused nothing of its group stays, and the index tells which it was', async () => {
      const { store } = subject;
      await store.prepare([layout('users', [{ field: 'email', unique: true }])]);
      const taken = creation('/users/1', { email: 'a' });
      await subject.commit(taken);
      const before = await store.history('/users/1', 0, 10);
      const good = [
        update(taken.object, { email: 'b' }, { at: 1_800_000_000_000 }),
        creation('/users/2', { email: 'a' }),
        creation('/notes/1'),
      ];
      const refusals = [
        { write: creation('/notes/1'), told: { kind: 'conflict', rev: 1, deleted: false } },
        {
          write: creation('/notes/2', {}, { requires: ['/users/9'] }),
          told: { kind: 'missing', r: '/users/9' },
        },
        {
          write: creation('/users/3', { email: 'b' }),
          told: { kind: 'unique', field: 'email' },
        },
      ];
      for (const { write, told } of refusals) {
        const writes = [...good, write, creation('/users/4')];
        const outcomes = await store.commit([{ writes, once }]);
        expect(outcomes).toEqual([{ kind: 'refused', index: 3, refusal: told }]);
      }
      expect(await store.getMany(['/users/2', '/notes/1', '/users/4'])).toEqual([
        undefined,
        undefined,
        undefined,
      ]);
      expect(await store.history('/users/1', 0, 10)).toEqual(before);
      expect(await store.position()).toBe(1);
      expect(await store.newest()).toBe(taken.change.at);
      expect(await store.once('u1', 'k')).toBeUndefined();
      expect((await store.created(users, 0, 10)).through).toBe(1);
    });

    test('the groups before and after a refused one are applied, as if it had not been there', async () => {
      const first = creation('/users/1', { n: 1 });
      const second = update(first.object, { n: 2 });
      const outcomes = await subject.outcomes(
        { writes: [first, creation('/other/1')] },
        { writes: [second, creation('/fresh/1'), creation('/other/1')] },
        { writes: [update(first.object, { n: 3 }), creation('/fresh/1')] },
      );
      expect(outcomes).toEqual([
        { kind: 'committed', positions: [1, 2] },
        { kind: 'conflict', rev: 1, deleted: false },
        { kind: 'committed', positions: [3, 4] },
      ]);
      expect((await subject.object('/users/1')).data).toEqual({ n: 3 });
      // In a collection that the refused group was the first to write to.
      await subject.commit(creation('/fresh/2'));
      const { entries } = await subject.store.history('/users/1', 0, 10);
      expect(entries.map(({ rev }) => rev)).toEqual([1, 2]);
    });

    test('a history that a refused deletion would have scrubbed is whole', async () => {
      const first = creation('/users/1', { n: 1 });
      const second = update(first.object, { n: 2 });
      await subject.commit(first, second);
      const writes = [deletion(second.object), creation('/users/1')];
      const [outcome] = await subject.store.commit([{ writes }]);
      expect(outcome).toEqual({
        kind: 'refused',
        index: 1,
        refusal: { kind: 'conflict', rev: 3, deleted: true },
      });
      const history = await subject.store.history('/users/1', 0, 10);
      expect([history.complete, history.entries.map(({ rev }) => rev)]).toEqual([true, [1, 2]]);
      expect((await subject.object('/users/1')).data).toEqual({ n: 2 });
    });

    test('[ONC1] a once-key stands for its group: what was written under it is told in order', async () => {
      const first = creation('/users/1', { n: 1 });
      const writes = [first, creation('/notes/1'), update(first.object, { n: 2 })];
      expect((await subject.outcomes({ writes, once }))[0]?.kind).toBe('committed');
      const record = {
        ...once,
        results: [
          { r: '/users/1', rev: 1 },
          { r: '/notes/1', rev: 1 },
          { r: '/users/1', rev: 2 },
        ],
      };
      expect(await subject.store.once('u1', 'k')).toEqual(record);
      const again = { writes: [creation('/users/5'), creation('/users/6')], once };
      expect(await subject.outcomes(again)).toEqual([{ kind: 'repeated', first: record }]);
      expect(await subject.store.position()).toBe(3);
    });

    test('names of the system are collections like others', async () => {
      const writes = [creation('/users/1'), creation('/_outbox/1', { to: 'x' })];
      expect((await subject.outcomes({ writes }))[0]?.kind).toBe('committed');
      expect((await subject.object('/_outbox/1')).data).toEqual({ to: 'x' });
    });
  });
}
