import { describe, expect, test } from 'vitest';
import type { Model } from '../model/model.js';
import { defaultLimits } from '../platform/limits.js';
import { simulatedPlatform } from '../platform/simulated.js';
import { creation, update } from '../store/contract/sample-writes.js';
import { openMemoryStore } from '../store/memory/store.js';
import { ChangesSincePaging } from './changes-since-paging.js';
import { QueryTimeBudget } from './query-time-budget.js';

const scope = { names: ['users'], parents: [] };
const order = { keys: [{ field: 'n', descending: false }] };

describe('[LIM14] the changes since paging began', () => {
  /** Three objects of 300 KB, each changed ten times since. */
  async function paging(bytes: number) {
    const platform = simulatedPlatform({ seed: 1 });
    const store = openMemoryStore({}, platform);
    const rs = ['/users/1', '/users/2', '/users/3'];
    for (const r of rs) {
      await store.commit([{ writes: [creation(r, { text: 'x'.repeat(300_000), n: 0 })] }]);
    }
    const since = await store.position();
    for (let n = 1; n <= 10; n++) {
      for (const r of rs) {
        const object = await store.get(r);
        if (object)
          await store.commit([{ writes: [update(object, { n, more: 'y'.repeat(50_000) })] }]);
      }
    }
    const model = { version: 1 } as Model;
    const time = new QueryTimeBudget({ platform, limits: defaultLimits }, 'u1');
    return new ChangesSincePaging({ store, scope, model, order, since, time, bytes });
  }

  test('are read page by page, each object once', async () => {
    const changes = await paging(3_000_000);
    await changes.catchUp();
    expect(changes.objects().map(({ r, data }) => `${r} ${data.n}`)).toEqual([
      '/users/1 10',
      '/users/2 10',
      '/users/3 10',
    ]);
    const [object] = changes.objects();
    expect(object && (await changes.asOfStart(object))?.data.n).toBe(0);
  });

  test('are gone where they are too large', async () => {
    const changes = await paging(2_000_000);
    await expect(changes.catchUp()).rejects.toThrow('position.gone');
  });
});
