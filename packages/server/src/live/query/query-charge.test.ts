import { fail } from '@really/protocol';
import { expect, test, vi } from 'vitest';
import { FairLimiter } from '../../platform/scheduling/fair-limiter.js';
import { FakeConnection, modelOf, setUpLive, withQueries } from '../live.fixture.js';

/** A store whose reads of windows take long, and those that are charged for it. */
async function setUpCharged() {
  const charged: string[] = [];
  const owners: (string | undefined)[] = [];
  let isInDebt = false;
  const on = await setUpLive({
    queryCharge: {
      spend: (owner) => charged.push(owner),
      paidOff: async () => {
        if (isInDebt) throw fail.rateLimited();
      },
    },
    wrap: (store) =>
      withQueries(store, (run, { requester }) => {
        owners.push(requester?.owner);
        requester?.spend?.(100);
        return run();
      }),
  });
  const subscribe = async (connection: FakeConnection): Promise<string> => {
    const { subscription, start } = await on.live.subscribeQuery(connection, {
      r: '/users/*',
      scope: { names: ['users'], parents: [] },
      order: { keys: [{ field: '_r', descending: false }] },
      limit: 3,
    });
    start();
    await on.live.settled();
    return subscription;
  };
  const taken = () => ({ charged: charged.splice(0), owners: owners.splice(0) });
  return { ...on, subscribe, taken, setInDebt: () => (isInDebt = true) };
}

test('[LIM46] who joins a window that others have is charged for its read', async () => {
  const on = await setUpCharged();
  const [first, second] = [new FakeConnection('u1'), new FakeConnection('u2')];
  await on.subscribe(first);
  expect(on.taken()).toEqual({ charged: ['uid u1'], owners: ['uid u1'] });
  await on.subscribe(second);
  expect(on.taken()).toEqual({ charged: ['uid u2'], owners: ['uid u2'] });
});

test('[LIM46] those who have a window do not wait for the other reads of a user who joins it', async () => {
  const on = await setUpCharged();
  const scheduled = vi.spyOn(FairLimiter.prototype, 'scheduleDroppable');
  await on.subscribe(new FakeConnection('u1'));
  await on.subscribe(new FakeConnection('u2'));
  const [first, second] = scheduled.mock.calls.map(([owner]) => owner);
  expect(first).toBeDefined();
  expect(second).toBe(first);
  scheduled.mockRestore();
});

test('[LIM46] a read because others wrote is charged to nobody, and takes the turn of who is there', async () => {
  const on = await setUpCharged();
  const [first, second] = [new FakeConnection('u1'), new FakeConnection('u2')];
  await on.subscribe(first);
  await on.subscribe(second);
  on.live.drop(first);
  on.taken();
  on.bus.held = [];
  await on.create('/users/1', { a: 1 });
  on.bus.held = undefined;
  await on.live.resync();
  await on.live.settled();
  expect(second.summaries()).toEqual(['entered /users/1']);
  expect(on.taken()).toEqual({ charged: [], owners: ['uid u2'] });
});

test('[LIM46] nor is one after a reload, although nobody receives pushes until then', async () => {
  const on = await setUpCharged();
  const connection = new FakeConnection('u1');
  await on.subscribe(connection);
  on.taken();
  await on.reload(modelOf({ digest: 'another' }));
  await on.live.settled();
  expect(on.taken()).toEqual({ charged: [], owners: ['uid u1'] });
});

test('[LIM46] who raises the limit of a window is charged, and waits for what earlier reads took', async () => {
  const on = await setUpCharged();
  const connection = new FakeConnection('u1');
  const r = await on.subscribe(connection);
  on.taken();
  const raise = (limit: number) => on.live.subscribe(connection, [{ r, limit, target: undefined }]);
  expect((await raise(5)).failures).toEqual([]);
  await on.live.settled();
  expect(on.taken().charged).toEqual(['uid u1']);
  on.setInDebt();
  expect((await raise(7)).failures).toMatchObject([{ error: { code: 429 } }]);
  await on.live.settled();
  expect(on.taken().owners).toEqual([]);
});
