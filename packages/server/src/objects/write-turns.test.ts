import { fail } from '@really/protocol';
import { expect, test } from 'vitest';
import { localBus } from '../bus/local/bus.js';
import { silentLog } from '../platform/log.js';
import { simulatedPlatform } from '../platform/simulated.js';
import { openMemoryStore } from '../store/memory/store.js';
import { createWrite, type WriteOrigin } from './change.js';
import { Objects } from './objects.js';

const origin: WriteOrigin = { by: { uid: 'u' }, at: 1, modelVersion: 1 };
const rs = Array.from({ length: 10 }, (_, i) => `/users/${i}`);

/** Objects that are not in memory, in a store that takes 10 ms for each. */
async function setUp() {
  const platform = simulatedPlatform({ seed: 1 });
  const store = openMemoryStore({}, platform);
  await store.prepare([{ names: ['users'], indexes: [], retention: {} }]);
  await store.commit([{ writes: rs.map((r) => createWrite(r, { n: 0 }, origin)) }]);
  const loads: { readonly r: string; readonly tick: number }[] = [];
  let tick = 0;
  const { get } = store;
  store.get = async (r) => {
    loads.push({ r, tick });
    platform.advance(10);
    return await get.call(store, r);
  };
  let isOver = false;
  const counting = (async () => {
    while (!isOver) {
      await new Promise((resolve) => setImmediate(resolve));
      tick += 1;
    }
  })();
  const end = async () => {
    isOver = true;
    await counting;
  };
  const objects = new Objects({ store, bus: localBus(), platform, log: silentLog });
  return { objects, loads, end };
}

const prepare = () => {
  throw fail('forbidden');
};

test('[LIM45] what many writes need is loaded in several ticks, of one owner after the other', async () => {
  const { objects, loads, end } = await setUp();
  const [last = '', ...others] = rs.toReversed();
  const writes = others.map((r) => objects.write({ r, owner: 'x', prepare }));
  writes.push(objects.write({ r: last, owner: 'y', prepare }));
  for (const result of await Promise.allSettled(writes)) expect(result.status).toBe('rejected');
  await end();
  expect(loads).toHaveLength(rs.length);
  expect(new Set(loads.map(({ tick }) => tick)).size).toBe(rs.length);
  expect(loads.findIndex(({ r }) => r === last)).toBeLessThan(4);
});

test('[LIM45] what a batch needs is loaded as its commands come, and told; what is in memory is not', async () => {
  const { objects, loads, end } = await setUp();
  const loaded: string[] = [];
  const onLoad = ({ r }: { r: string }) => void loaded.push(r);
  const look = { owner: 'x', onLoad };
  const requests = rs.map((r) => ({ r, prepare }));
  expect(await objects.writeAll(requests, look)).toMatchObject({ kind: 'refused', index: 0 });
  expect(loaded).toEqual([rs[0]]);
  expect(await objects.writeAll(requests, look)).toMatchObject({ kind: 'refused', index: 0 });
  await end();
  expect(loads.map(({ r }) => r)).toEqual([rs[0]]);
});
