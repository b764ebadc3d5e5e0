import { describe, expect, test } from 'vitest';
import type { StoredObject } from '../stored-object.js';
import type { ObjectRead } from '../write-group.js';
import { alone, creation, deletion, each, update } from './sample-writes.js';
import { type OpenStore, StoreUnderTest } from './setup.js';

/** What a write was decided by: see `Write.reads`. */
export function readsContract(open: OpenStore): void {
  describe('what a write was decided by', () => {
    const subject = StoreUnderTest.each(open);

    const read = (r: string, rev: number, fields?: readonly string[]): ObjectRead => {
      return { r, rev, fields };
    };
    const post = (...reads: ObjectRead[]) => creation('/posts/1', {}, { reads });
    const changed = (r: string) => ({ kind: 'changed', r });

    async function user(): Promise<StoredObject> {
      await subject.commit(creation('/users/1', { a: 1, b: 1 }));
      await subject.commit(update(await subject.object('/users/1'), { b: 2 }));
      return await subject.object('/users/1');
    }

    test('[LKP3] the object must be as it was, as far as it was read', async () => {
      await user();
      const refused = [
        read('/users/1', 1),
        read('/users/1', 1, ['a', 'b']),
        read('/users/1', 0, []),
      ];
      for (const one of refused) {
        expect(await subject.outcome(post(one))).toEqual(changed('/users/1'));
      }
      // A revision of another store.
      expect(await subject.outcome(post(read('/users/1', 3, [])))).toEqual(changed('/users/1'));
      await subject.commit(
        post(read('/users/1', 2), read('/users/1', 1, ['a']), read('/users/1', 1, [])),
      );
    });

    test('[LKP3] an object that was not there must not be there, and the other way round', async () => {
      await subject.commit(deletion(await user()));
      expect(await subject.outcome(post(read('/users/1', 2, [])))).toEqual(changed('/users/1'));
      expect(await subject.outcome(post(read('/users/2', 1, [])))).toEqual(changed('/users/2'));
      expect(await subject.outcome(post(read('/nowhere/2', 1)))).toEqual(changed('/nowhere/2'));
      await subject.commit(
        post(read('/users/1', 0), read('/users/2', 0), read('/nowhere/1', 0, [])),
      );
    });

    test('[LKP3] writes before it in the commit count, and those before it in its group', async () => {
      const before = await user();
      const outcomes = await subject.outcomes(
        alone(update(before, { a: 2 })),
        alone(creation('/posts/1', {}, { reads: [read('/users/1', 2, ['a'])] })),
        {
          writes: [
            creation('/users/2'),
            creation('/posts/2', {}, { reads: [read('/users/2', 1), read('/users/1', 3)] }),
          ],
        },
        {
          writes: [
            deletion(creation('/users/2').object),
            creation('/posts/3', {}, { reads: [read('/users/2', 1)] }),
          ],
        },
        ...each(creation('/posts/4', {}, { reads: [read('/users/2', 1)] })),
      );
      expect(outcomes).toMatchObject([
        { kind: 'committed' },
        changed('/users/1'),
        { kind: 'committed' },
        changed('/users/2'),
        { kind: 'committed' },
      ]);
    });

    test('a conflict is reported before it, a missing object after it', async () => {
      await user();
      const reads = [read('/users/1', 1)];
      expect((await subject.outcome(creation('/users/1', {}, { reads })))?.kind).toBe('conflict');
      const both = creation('/posts/1', {}, { reads, requires: ['/users/9'] });
      expect((await subject.outcome(both))?.kind).toBe('changed');
    });
  });
}
