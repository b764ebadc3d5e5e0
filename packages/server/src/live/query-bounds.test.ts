import { expect, test } from 'vitest';
import type { Frame } from './frame.js';
import { Ear, type Stage, settle, stage } from './live.fixture.js';

/** A connection that takes so much and no more. */
class SlowEar extends Ear {
  takes = Number.POSITIVE_INFINITY;

  override push(frame: Frame): void {
    super.push(frame);
    this.takes -= 1;
    if (this.takes <= 0) this.congested = true;
  }
}

async function watch({ live }: Stage, ear: Ear, limit = 10) {
  const scope = { names: ['users'], parents: [] };
  const order = { field: 'a', descending: false };
  const { hits, start } = await live.watch(ear, { r: '/users/*', scope, order, limit });
  start();
  return hits.map(({ object }) => object.r);
}

test('[LIM11] the rows of all windows have a bound: a read that would go beyond it is refused', async () => {
  const on = await stage({ limits: { queryRows: 5 } });
  for (const id of ['1', '2', '3', '4']) await on.create(`/users/${id}`, { a: 1 });
  const ear = new Ear('u1');
  await watch(on, ear, 10);
  expect(on.live.counts().queryRows).toBe(4);
  await expect(watch(on, new Ear('u2'), 20)).rejects.toMatchObject({ message: 'rate.limited' });
  expect(on.live.counts()).toMatchObject({ queryGroups: 1, queryRows: 4 });
  // Who asks what somebody else watches already needs no more room.
  expect(await watch(on, new Ear('u3'), 10)).toHaveLength(4);
  await on.remove('/users/1');
  await on.remove('/users/2');
  await settle();
  expect(on.live.counts().queryRows).toBe(2);
  expect(await watch(on, new Ear('u2'), 20)).toEqual(['/users/3', '/users/4']);
});

test('[LIM11] a window that grows beyond the bound has failed, and leaves nothing behind', async () => {
  const on = await stage({ limits: { queryRows: 2 } });
  const ear = new Ear('u1');
  await watch(on, ear);
  for (const id of ['1', '2', '3']) await on.create(`/users/${id}`, { a: 1 });
  await settle();
  const told = ear.heard();
  expect(told.at(-1)).toMatchObject({ evt: 'failed', error: { code: 429 } });
  expect(told.filter(({ evt }) => evt === 'created')).toHaveLength(3);
  expect(on.live.counts()).toMatchObject({ queries: 0, queryGroups: 0, queryRows: 0 });
  await on.remove('/users/1');
  await on.remove('/users/2');
  expect(await watch(on, ear)).toEqual(['/users/3']);
});

test('[LIM4] a large difference waits until the connection takes more, and then the rest is told, once', async () => {
  const on = await stage();
  const ear = new SlowEar('u1');
  const other = new Ear('u1');
  await watch(on, ear, 100);
  await watch(on, other, 100);
  on.bus.held = [];
  for (let n = 10; n < 50; n++) await on.create(`/users/${n}`, { a: n });
  on.bus.held = undefined;
  ear.takes = 7;
  await on.live.compare();
  await on.live.settled();
  expect(other.told()).toHaveLength(40);
  const first = ear.told();
  expect(first).toHaveLength(7);
  await on.set('/users/10', { a: 0 });
  await on.remove('/users/45');
  await on.live.settled();
  expect(ear.told()).toEqual([]);
  for (const takes of [9, 5, 100]) {
    ear.congested = false;
    ear.takes = takes;
    on.live.drained(ear);
    await on.live.settled();
  }
  const rest = ear.told();
  const entered = [...first, ...rest].filter((told) => told.startsWith('entered'));
  expect(new Set(entered).size).toBe(entered.length);
  expect(entered).toHaveLength(39);
  expect(rest.filter((told) => !told.startsWith('entered'))).toEqual(['snapshot 2']);
});
