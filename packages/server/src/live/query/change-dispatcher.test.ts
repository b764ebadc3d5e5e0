import { expect, test } from 'vitest';
import { silentLog } from '../../platform/log.js';
import { InFlight } from '../../platform/scheduling/in-flight.js';
import { TickSlice } from '../../platform/scheduling/tick-slice.js';
import { FakeConnection, setUpLive } from '../live.fixture.js';
import { ChangeDispatcher, type FeedEvent } from './change-dispatcher.js';
import type { QueryGroup } from './query-group.js';

test('[LIM17] what cannot be dispatched is read instead, and what follows is dispatched', async () => {
  const inFlight = new InFlight();
  let now = 0;
  // Every look at the clock ends the slice.
  const slice = new TickSlice({ monotonic: () => 20 * now++ });
  const seen: string[] = [];
  const group = {
    traits: { cost: { work: 1000 } },
    refresh: () => seen.push('refresh'),
  } as unknown as QueryGroup;
  const affectedGroups = ({ pos }: FeedEvent) => {
    seen.push(`groups at ${pos}`);
    if (pos === 2) throw new Error('a defect');
    return [group];
  };
  const target = { affectedGroups, isActive: () => true };
  const dispatcher = new ChangeDispatcher(target, { slice, inFlight, log: silentLog });
  for (const pos of [1, 2, 3]) dispatcher.dispatch({ pos, change: undefined });
  await inFlight.settled();
  dispatcher.dispatch({ pos: 4, change: undefined });
  await inFlight.settled();
  expect(seen).toEqual([
    ...['groups at 1', 'refresh', 'groups at 2'],
    ...['groups at 3', 'refresh', 'groups at 4', 'refresh'],
  ]);
  expect(dispatcher.through).toBe(4);
});

test('[LIM17] looking for the windows that a change concerns is sliced, too', async () => {
  const inFlight = new InFlight();
  let now = 0;
  const slice = new TickSlice({ monotonic: () => 20 * now++ });
  let steps = 0;
  const affectedGroups = function* () {
    for (; steps < 100; steps++) yield undefined;
  };
  const target = { affectedGroups, isActive: () => true };
  const dispatcher = new ChangeDispatcher(target, { slice, inFlight, log: silentLog });
  dispatcher.dispatch({ pos: 1, change: undefined });
  expect(steps).toBeLessThan(50);
  expect(dispatcher.through).toBe(0);
  await inFlight.settled();
  expect(steps).toBe(100);
  expect(dispatcher.through).toBe(1);
});

test('a window that a defect keeps from applying a change fails, and the others go on', async () => {
  const on = await setUpLive();
  const [narrow, wide] = [new FakeConnection('u1'), new FakeConnection('u2')];
  for (const [connection, fields] of [
    [narrow, ['a']],
    [wide, undefined],
  ] as const) {
    const { start } = await on.live.subscribeQuery(connection, {
      r: '/users/*',
      scope: { names: ['users'], parents: [] },
      order: { keys: [{ field: '_r', descending: false }] },
      limit: 3,
      fields,
    });
    start();
  }
  on.bus.held = [];
  const change = await on.create('/users/1', { a: 1 });
  let reads = 0;
  const object = {
    ...change.object,
    get data() {
      reads += 1;
      if (reads === 2) throw new Error('a defect');
      return change.object.data;
    },
  };
  on.bus.deliver({ ...change, object });
  await on.live.settled();
  const events = [narrow, wide].flatMap((connection) => connection.received());
  expect(events.map(({ evt }) => evt).sort()).toEqual(['created', 'failed']);
  expect(on.live.counts().queries).toBe(1);
});
