import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FakeWorld } from '../fake-world.fixture.js';
import type { Really } from '../really.js';
import { copyTarget, SharedCopies, sharedCopiesOf } from './shared-copies.js';

let world: FakeWorld;
let client: Really;
beforeEach(async () => {
  world = new FakeWorld();
  client = await world.connected();
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  client.close();
});

const linger = 5_000;
const target = copyTarget('/tasks/1');
const nothing = () => {};

const commands = () => world.socket.sent.map(({ cmd }) => cmd).slice(1);
/** Lets promises and microtasks go on. */
const settle = () => vi.advanceTimersByTimeAsync(0);

async function answer(): Promise<void> {
  await settle();
  world.socket.answer('subscribe', { body: { subscriptions: [{ r: '/tasks/1', view: 'v' }] } });
  const body = { _r: '/tasks/1', _rev: 1, votes: 3 };
  world.socket.say({ evt: 'snapshot', r: '/tasks/1', rev: 1, body });
  await settle();
}

test('[RCT1] one subscription for all, which ends so long after the last', async () => {
  const copies = sharedCopiesOf(client);
  expect(sharedCopiesOf(client)).toBe(copies);
  const before = copies.getSnapshot(target);
  const end = copies.subscribe(target, nothing, linger);
  // A copy that knows nothing yet is no reason to render again.
  expect(copies.getSnapshot(target)).toBe(before);
  const endOther = copies.subscribe(copyTarget('/tasks/1'), nothing, linger);
  await answer();
  expect(copies.getSnapshot(target)).toMatchObject({ status: 'live', value: { votes: 3 } });
  expect(copies.getSnapshot(target)).toBe(copies.getSnapshot(target));
  end();
  end();
  await vi.advanceTimersByTimeAsync(10 * linger);
  expect(commands()).toEqual(['subscribe']);
  endOther();
  await vi.advanceTimersByTimeAsync(linger - 1);
  const endAgain = copies.subscribe(target, nothing, linger);
  await vi.advanceTimersByTimeAsync(10 * linger);
  expect(commands()).toEqual(['subscribe']);
  endAgain();
  await vi.advanceTimersByTimeAsync(linger);
  expect(commands()).toEqual(['subscribe', 'unsubscribe']);
  expect(copies.getSnapshot(target)).toBe(before);
});

test('[RCT1] the same query is the same copy, whatever object says it', () => {
  const query = { filter: 'votes > $min', values: { min: 1 }, limit: 5 };
  const { limit, values, filter } = query;
  expect(copyTarget('/tasks', { limit, values, filter }).key).toBe(copyTarget('/tasks', query).key);
  expect(copyTarget('/tasks', { ...query, limit: 6 }).key).not.toBe(
    copyTarget('/tasks', query).key,
  );
  expect(copyTarget('/tasks', {}).key).not.toBe(copyTarget('/tasks').key);
});

test('[RCT4] a component that suspends is waited for, whatever its copy lingers, and one that is gone is not', async () => {
  const copies = new SharedCopies(client);
  let renders = 0;
  let isMounted = true;
  const render = (): void => {
    renders += 1;
    const { status } = copies.getSnapshot(target);
    if (isMounted && status === 'loading') void copies.load(target, linger).then(render);
  };
  render();
  await vi.advanceTimersByTimeAsync(linger * 3 + 1);
  // It was rendered again each time, and asked again.
  expect(renders).toBe(4);
  expect(commands()).toEqual(['subscribe']);
  isMounted = false;
  await vi.advanceTimersByTimeAsync(linger * 2);
  expect(commands()).toEqual(['subscribe', 'unsubscribe']);
  isMounted = true;
  render();
  await answer();
  expect(copies.getSnapshot(target).status).toBe('live');
  // Loaded, and never mounted.
  await vi.advanceTimersByTimeAsync(linger * 2);
  expect(commands()).toEqual(['subscribe', 'unsubscribe', 'subscribe', 'unsubscribe']);
});

test('[RCT4] what is known already is not waited for', async () => {
  const live = client.live(client.object('/tasks/1'));
  await answer();
  const copies = new SharedCopies(client);
  const loaded: string[] = [];
  for (const known of [target, copyTarget('nonsense')]) {
    void copies.load(known, linger).then(() => loaded.push(known.key));
  }
  await settle();
  expect(loaded).toEqual([target.key, copyTarget('nonsense').key]);
  // One that is loading again is.
  await Promise.all([world.lose({ user: { uid: 'beno' } }), vi.advanceTimersByTimeAsync(100)]);
  expect(copies.getSnapshot(target).status).toBe('loading');
  void copies.load(target, linger).then(() => loaded.push('again'));
  await settle();
  expect(loaded).toHaveLength(2);
  await answer();
  expect(loaded).toHaveLength(3);
  live.close();
});

test('[RCT2] what is no address is a failed result, and no error', () => {
  const copies = new SharedCopies(client);
  for (const wrong of [copyTarget('nonsense'), copyTarget('/tasks'), copyTarget('/tasks/1', {})]) {
    copies.subscribe(wrong, nothing, linger)();
    expect(copies.getSnapshot(wrong)).toMatchObject({
      ...{ status: 'failed', value: undefined, stale: true, pending: false },
      error: { code: 400, message: 'r.invalid', retry: 'never', r: wrong.r },
    });
  }
});

test('[RCT1] a copy may stay for ever', async () => {
  const copies = new SharedCopies(client);
  copies.subscribe(target, nothing, Number.POSITIVE_INFINITY)();
  await answer();
  await vi.advanceTimersByTimeAsync(10 * linger);
  expect(commands()).toEqual(['subscribe']);
});
