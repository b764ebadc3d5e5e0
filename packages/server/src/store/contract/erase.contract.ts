import { describe, expect, test } from 'vitest';
import { alone, creation, deletion, queryOf, update } from './sample-writes.js';
import { type OpenStore, StoreUnderTest } from './setup.js';

export function eraseContract(open: OpenStore): void {
  describe('erased objects', () => {
    const subject = StoreUnderTest.each(open);
    const jobs = { names: ['_jobs'], parents: [] };

    test('are gone with their history, as if they had never existed', async () => {
      const { store } = subject;
      const job = creation('/_jobs/1', { n: 1 });
      await subject.commit(job, creation('/_jobs/2'), update(job.object, { n: 2 }));
      const outcomes = await store.commit([{ writes: [], erases: ['/_jobs/1'] }]);
      expect(outcomes).toEqual([{ kind: 'committed', positions: [] }]);
      expect(await store.get('/_jobs/1')).toBeUndefined();
      expect(await store.history('/_jobs/1', 0, 10)).toMatchObject({ entries: [], complete: true });
      expect((await store.query(queryOf('_jobs'))).map(({ r }) => r)).toEqual(['/_jobs/2']);
      const { entries } = await store.created(jobs, 0, 10);
      expect(entries.map(({ object }) => object.r)).toEqual(['/_jobs/2']);
      const changes = await store.changes(jobs, 0, 10);
      expect(changes.entries.map(({ change }) => change.r)).toEqual(['/_jobs/2']);
    });

    test('take no position, and positions never decrease', async () => {
      const { store } = subject;
      await subject.commit(creation('/users/1'), creation('/_jobs/1'));
      await store.commit([{ writes: [], erases: ['/_jobs/1'] }]);
      expect(await store.position()).toBe(2);
      expect(await subject.commit(creation('/users/2'))).toEqual([3]);
      // Its R may be used again.
      expect(await subject.commit(creation('/_jobs/1', { n: 2 }))).toEqual([4]);
      expect((await subject.object('/_jobs/1')).data).toEqual({ n: 2 });
    });

    test('are erased with the writes of their group, or not at all', async () => {
      const { store } = subject;
      const user = creation('/users/1');
      await subject.commit(creation('/_jobs/1'), creation('/_jobs/2'), user);
      const refused = { writes: [creation('/users/1')], erases: ['/_jobs/1'] };
      const done = { writes: [creation('/users/2'), creation('/_jobs/3')], erases: ['/_jobs/2'] };
      expect(await store.commit([refused, done, alone(creation('/users/3'))])).toEqual([
        {
          kind: 'refused',
          index: 0,
          refusal: { kind: 'conflict', rev: 1, deleted: false },
        },
        { kind: 'committed', positions: [4, 5] },
        { kind: 'committed', positions: [6] },
      ]);
      const objects = await store.getMany(['/_jobs/1', '/_jobs/2', '/_jobs/3', '/users/2']);
      expect(objects.map((object) => object?.r)).toEqual([
        '/_jobs/1',
        undefined,
        '/_jobs/3',
        '/users/2',
      ]);
    });

    test('are erased once: a group that comes too late is refused, and writes nothing', async () => {
      const { store } = subject;
      const deleted = creation('/_jobs/2');
      await subject.commit(creation('/_jobs/1'), deleted, deletion(deleted.object));
      const late = (r: string, n: number) => ({ writes: [creation(`/users/${n}`)], erases: [r] });
      const outcomes = await store.commit([
        late('/_jobs/1', 1),
        late('/_jobs/1', 2),
        late('/_jobs/2', 3),
        late('/_never/1', 4),
        { writes: [], erases: ['/_jobs/1'] },
      ]);
      const missing = (r: string, index: number) => ({
        kind: 'refused',
        index,
        refusal: { kind: 'missing', r },
      });
      expect(outcomes).toEqual([
        { kind: 'committed', positions: [4] },
        missing('/_jobs/1', 1),
        missing('/_jobs/2', 1),
        missing('/_never/1', 1),
        missing('/_jobs/1', 0),
      ]);
      const users = await store.query(queryOf('users'));
      expect(users.map(({ r }) => r)).toEqual(['/users/1']);
    });

    test('a known once-key is checked first, and nothing is erased', async () => {
      const once = { uid: 'u1', id: 'k', cmd: 'create', r: '/users/*' };
      await subject.commit(creation('/_jobs/1'));
      await subject.outcomes(alone(creation('/users/1'), once));
      const [outcome] = await subject.outcomes({
        writes: [creation('/users/2')],
        once,
        erases: ['/_jobs/1'],
      });
      expect(outcome?.kind).toBe('repeated');
      expect(await subject.object('/_jobs/1')).toMatchObject({ rev: 1 });
    });
  });
}
