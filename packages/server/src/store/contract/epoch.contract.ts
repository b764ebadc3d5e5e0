import { describe, expect, test } from 'vitest';
import { simulatedPlatform } from '../../platform/simulated.js';
import type { RestoredObject } from '../write-group.js';
import { creation, update } from './sample-writes.js';
import { type OpenStore, StoreUnderTest } from './setup.js';

export function epochContract(open: OpenStore): void {
  describe('the epoch', () => {
    const subject = StoreUnderTest.each(open);
    const born = creation('/users/1', { n: 1 });
    const grown = update(born.object, { n: 2 });
    const kept = { object: born.object, history: [born.change] };
    const entry = (replaces: boolean): RestoredObject => ({ ...kept, replaces });

    test('[EPO1] of a new store is its first, and unique', async () => {
      const { epoch } = subject.store;
      expect(epoch).toEqual({
        id: expect.stringMatching(/^[0-9a-f]{16}$/),
        secret: expect.stringMatching(/^[0-9a-f]{32}$/),
        isFirst: true,
      });
      const other = await open({}, simulatedPlatform({ seed: 2 }));
      expect(other.store.epoch.id).not.toBe(epoch.id);
      expect(other.store.epoch.secret).not.toBe(epoch.secret);
      await other.close();
    });

    test('[EPO1] stays the same through writes and layouts', async () => {
      const { epoch } = subject.store;
      await subject.commit(born, grown);
      await subject.store.prepare([
        { names: ['users'], modelVersion: 2, indexes: [], retention: {} },
      ]);
      expect(subject.store.epoch).toEqual(epoch);
    });

    test('[EPO3] is not the first any more once objects of another store were restored', async () => {
      const { epoch } = subject.store;
      await subject.store.restore([], 0);
      expect(subject.store.epoch).toEqual(epoch);
      await subject.store.restore([entry(true)], 0);
      expect(subject.store.epoch).toEqual({ ...epoch, isFirst: false });
    });

    test('[EPO3] is new when an object is replaced: its revisions have another meaning', async () => {
      await subject.commit(born, grown);
      const { epoch } = subject.store;
      expect(await subject.store.restore([entry(false)], 0)).toMatchObject({ kind: 'refused' });
      expect(subject.store.epoch).toEqual(epoch);
      await subject.store.restore([entry(true)], 0);
      expect(subject.store.epoch.id).not.toBe(epoch.id);
      expect(subject.store.epoch.isFirst).toBe(false);
    });
  });
}
