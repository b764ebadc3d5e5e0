import { expect, test, vi } from 'vitest';
import { TickSlice } from '../platform/scheduling/tick-slice.js';
import { FakeConnection, itemOf, setUpLive } from './live.fixture.js';

test('[LIM43] a read that has its turn does not wait for the others of its address', async () => {
  const owners: unknown[] = [];
  const rest = vi.spyOn(TickSlice.prototype, 'rest');
  const on = await setUpLive({
    isHurried: true,
    heads: async (rs, pause) => {
      rest.mockClear();
      const paused = pause?.();
      owners.push(...rest.mock.calls.map(([owner]) => owner));
      await paused;
      return await on.store.getMany(rs);
    },
  });
  await on.create('/users/1', { a: 1 });
  const connection = Object.assign(new FakeConnection(), { address: '192.0.2.1' });
  const { subscriptions } = await on.live.subscribe(connection, [itemOf('/users/1')]);
  rest.mockRestore();
  expect(subscriptions).toHaveLength(1);
  expect(owners).toEqual([undefined]);
});
