import { describe, expect, test } from 'vitest';
import { alone, creation, deletion, layout, queryOf, update } from './sample-writes.js';
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
      await subject.store.prepare([layout('users', [{ fields: ['email'], unique: true }])]);
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

    test('[BAT3] unique values may move within a group: what counts is what all of it leaves', async () => {
      const { store } = subject;
      const indexes = ['no', 'card.code'].map((field) => ({ fields: [field], unique: true }));
      await store.prepare([layout('seats', indexes)]);
      const seats = [1, 2, 3, 4].map((no) =>
        creation(`/seats/${no}`, { no, card: { code: `c${no}` } }),
      );
      await subject.commit(...seats);
      const moved = (id: number, no: number) => {
        const { object } = seats[id - 1] ?? seats[0] ?? creation('/seats/none');
        return update(object, { no, card: { code: `c${no}` } });
      };
      // A ring of three, an object outside it, and a new object with a freed value.
      const [one, two, three] = [moved(1, 2), moved(2, 3), moved(3, 1)];
      const between = update(one.object, { no: 7 });
      const back = update(between.object, { no: 2 });
      const last = seats[3]?.object ?? one.object;
      const heir = creation('/seats/5', { no: 4, card: { code: 'c4' } });
      const writes = [one, between, two, heir, three, back, deletion(last)];
      const [outcome] = await store.commit([{ writes }]);
      expect(outcome).toEqual({ kind: 'committed', positions: [5, 6, 7, 8, 9, 10, 11] });
      const numbers = await store.getMany([1, 2, 3, 4, 5].map((id) => `/seats/${id}`));
      expect(numbers.map((seat) => seat?.data.no)).toEqual([2, 3, 1, undefined, 4]);
      const found = await store.query(
        queryOf('seats', { order: { keys: [{ field: 'no', descending: false }] } }),
      );
      expect(found.map(({ r }) => r)).toEqual(['/seats/3', '/seats/1', '/seats/2', '/seats/5']);
      expect(await subject.outcome(creation('/seats/6', { no: 3 }))).toEqual({
        kind: 'unique',
        fields: ['no'],
      });
    });

    test('[BAT4] a clash that remains after the group refuses it, at the last write of that object', async () => {
      const { store } = subject;
      await store.prepare([layout('seats', [{ fields: ['no'], unique: true }])]);
      const [one, two] = [creation('/seats/1', { no: 1 }), creation('/seats/2', { no: 2 })];
      await subject.commit(one, two);
      const third = creation('/seats/3', { no: 1 });
      const away = update(two.object, { no: 1 });
      const clash = { kind: 'unique', fields: ['no'] };
      const cases = [
        { writes: [update(one.object, { no: 2 }), third], index: 0 },
        { writes: [third, away, update(one.object, { no: 9 })], index: 1 },
        { writes: [third, away, update(away.object, { no: 1 }), deletion(one.object)], index: 2 },
        { writes: [update(one.object, { no: 2 }), away, third], index: 2 },
      ];
      for (const { writes, index } of cases) {
        const outcomes = await store.commit([{ writes }]);
        expect(outcomes).toEqual([{ kind: 'refused', index, refusal: clash }]);
      }
      // Errors in single writes are reported first.
      const writes = [third, creation('/seats/1')];
      expect(await store.commit([{ writes }])).toMatchObject([
        { kind: 'refused', index: 1, refusal: { kind: 'conflict' } },
      ]);
      expect(await store.position()).toBe(2);
      expect(await store.count(queryOf('seats'))).toBe(2);
    });

    test('a refused write undoes its group, and the index says which it was', async () => {
      const { store } = subject;
      await store.prepare([layout('users', [{ fields: ['email'], unique: true }])]);
      const taken = creation('/users/1', { email: 'a' });
      await subject.commit(taken);
      const before = await store.history('/users/1', 0, 10);
      const good = [
        update(taken.object, { email: 'b' }, { at: 1_800_000_000_000 }),
        creation('/users/2', { email: 'a' }),
        creation('/notes/1'),
      ];
      const refusals = [
        { write: creation('/notes/1'), reason: { kind: 'conflict', rev: 1, deleted: false } },
        {
          write: creation('/notes/2', {}, { requires: ['/users/9'] }),
          reason: { kind: 'missing', r: '/users/9' },
        },
        {
          write: creation('/users/3', { email: 'b' }),
          reason: { kind: 'unique', fields: ['email'] },
        },
      ];
      for (const { write, reason } of refusals) {
        const writes = [...good, write, creation('/users/4')];
        const outcomes = await store.commit([{ writes, once }]);
        expect(outcomes).toEqual([{ kind: 'refused', index: 3, refusal: reason }]);
      }
      expect(await store.getMany(['/users/2', '/notes/1', '/users/4'])).toEqual([
        undefined,
        undefined,
        undefined,
      ]);
      expect(await store.history('/users/1', 0, 10)).toEqual(before);
      expect(await store.position()).toBe(1);
      expect(await store.latestChangeTime()).toBe(taken.change.at);
      expect(await store.once('u1', 'k')).toBeUndefined();
      expect((await store.created(users, 0, 10)).through).toBe(1);
    });

    test('the groups before and after a refused one are applied, as if it did not exist', async () => {
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
      // In a collection that only the refused group wrote to.
      await subject.commit(creation('/fresh/2'));
      const { entries } = await subject.store.history('/users/1', 0, 10);
      expect(entries.map(({ rev }) => rev)).toEqual([1, 2]);
    });

    test('the history that a refused deletion would have scrubbed is intact', async () => {
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

    test('[ONC1] a once-key stands for its group: the results are returned in order', async () => {
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

    test('system names are collections like others', async () => {
      const writes = [creation('/users/1'), creation('/_outbox/1', { to: 'x' })];
      expect((await subject.outcomes({ writes }))[0]?.kind).toBe('committed');
      expect((await subject.object('/_outbox/1')).data).toEqual({ to: 'x' });
    });
  });
}
