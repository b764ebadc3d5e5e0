import { QueryClient, QueryObserver } from '@tanstack/query-core';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FakeWorld } from '../fake-world.fixture.js';
import type { Really } from '../really.js';
import { reallyQueryOptions } from './mod.js';

// With TanStack Query itself, over a wire whose other end is the test.

let world: FakeWorld;
let client: Really;
let queries: QueryClient;
beforeEach(async () => {
  world = new FakeWorld();
  client = await world.connected();
  queries = new QueryClient();
  queries.mount();
  vi.useFakeTimers();
});
afterEach(() => {
  queries.clear();
  queries.unmount();
  vi.useRealTimers();
  client.close();
});

const linger = 5_000;
const r = '/tasks/1';
const commands = () => world.socket.sent.map(({ cmd }) => cmd).slice(1);
/** Lets promises, and what TanStack Query puts off, go on. */
const settle = () => vi.advanceTimersByTimeAsync(1);
const object = () => reallyQueryOptions(client.object(r));

async function subscribed(votes = 3): Promise<void> {
  await settle();
  world.socket.answer('subscribe', { body: { subscriptions: [{ r, view: 'v' }] } });
  world.socket.say({ evt: 'snapshot', r, rev: 1, body: { _r: r, _rev: 1, votes } });
  await settle();
}

function push(rev: number, votes: number): void {
  world.socket.say({ evt: 'updated', r, rev, body: { votes: { op: 'set', opValue: votes } } });
}

test('[TSQ1] fetched once, kept fresh by pushes, whatever observes it', async () => {
  const observer = new QueryObserver(queries, object());
  const seen: unknown[] = [];
  const end = observer.subscribe(({ data }) => seen.push(data?.votes));
  await subscribed();
  push(2, 4);
  await settle();
  expect(observer.getCurrentResult()).toMatchObject({
    data: { votes: 4, _rev: 2 },
    isStale: false,
  });
  const other = new QueryObserver(queries, object());
  const endOther = other.subscribe(() => {});
  expect(other.getCurrentResult().data).toBe(observer.getCurrentResult().data);
  push(3, 5);
  await settle();
  expect(new Set(seen)).toEqual(new Set([undefined, 3, 4, 5]));
  await vi.advanceTimersByTimeAsync(10 * linger);
  expect(commands()).toEqual(['subscribe']);
  end();
  endOther();
  await vi.advanceTimersByTimeAsync(linger);
  expect(commands()).toEqual(['subscribe', 'unsubscribe']);
});

test('[TSQ1] a push while the answer to the fetch is on its way is not lost', async () => {
  const observer = new QueryObserver(queries, object());
  const end = observer.subscribe(() => {});
  await settle();
  world.socket.answer('subscribe', { body: { subscriptions: [{ r, view: 'v' }] } });
  world.socket.say({ evt: 'snapshot', r, rev: 1, body: { _r: r, _rev: 1, votes: 3 } });
  push(2, 4);
  await Promise.resolve();
  push(3, 5);
  await settle();
  expect(observer.getCurrentResult().data).toMatchObject({ votes: 5, _rev: 3 });
  end();
});

test('[TSQ2] who comes back in time goes on; later the old data is shown while it is fetched again', async () => {
  const observer = new QueryObserver(queries, object());
  const end = observer.subscribe(() => {});
  await subscribed();
  end();
  await vi.advanceTimersByTimeAsync(linger - 10);
  const endAgain = observer.subscribe(() => {});
  await vi.advanceTimersByTimeAsync(2 * linger);
  expect(commands()).toEqual(['subscribe']);
  endAgain();
  await vi.advanceTimersByTimeAsync(linger);
  expect(commands()).toEqual(['subscribe', 'unsubscribe']);
  const endLate = observer.subscribe(() => {});
  expect(observer.getCurrentResult()).toMatchObject({ data: { votes: 3 }, isFetching: true });
  await subscribed(9);
  expect(observer.getCurrentResult()).toMatchObject({ data: { votes: 9 }, isFetching: false });
  endLate();
});

test('[TSQ2] a prefetch that nobody shows lingers, and so does a component that is gone before it loaded', async () => {
  const fetched = queries.fetchQuery(object());
  await subscribed();
  expect(await fetched).toMatchObject({ votes: 3 });
  await vi.advanceTimersByTimeAsync(linger);
  expect(commands()).toEqual(['subscribe', 'unsubscribe']);
  queries.clear();
  const observer = new QueryObserver(queries, object());
  observer.subscribe(() => {})();
  // StrictMode mounts it again at once.
  observer.subscribe(() => {})();
  await vi.advanceTimersByTimeAsync(2 * linger);
  expect(commands()).toEqual(['subscribe', 'unsubscribe', 'subscribe', 'unsubscribe']);
});

test('[TSQ2] a query that is removed ends its subscription, and nothing puts it back', async () => {
  const observer = new QueryObserver(queries, object());
  observer.subscribe(() => {});
  await subscribed();
  observer.destroy();
  queries.removeQueries({ queryKey: ['really'] });
  expect(commands()).toEqual(['subscribe', 'unsubscribe']);
  push(2, 4);
  await vi.advanceTimersByTimeAsync(2 * linger);
  expect(queries.getQueryCache().getAll()).toEqual([]);
});

test('[TSQ1] lists, with their filter in the key; fields of a literal list narrow the data', async () => {
  const options = reallyQueryOptions(client.collection('/tasks'), {
    filter: 'votes > 1',
    limit: 5,
  });
  expect(options.queryKey).toEqual([
    'really',
    '/tasks/*',
    { limit: 5, query: { filter: 'votes > 1' } },
  ]);
  const observer = new QueryObserver(queries, options);
  const end = observer.subscribe(() => {});
  await settle();
  const items = [{ body: { _r: r, _rev: 1, votes: 3 } }];
  world.socket.answer('read', { meta: { subscription: 's1' }, body: { items } });
  await settle();
  const meta = { subscription: 's1', pos: 'p1' };
  world.socket.say({
    evt: 'created',
    r: '/tasks/*',
    body: { _r: '/tasks/2', _rev: 1, votes: 7 },
    meta,
  });
  await settle();
  expect(observer.getCurrentResult().data?.map(({ votes }) => votes)).toEqual([7, 3]);
  end();
});

test('[TSQ3] a refusal is the error of the query, at once, and so is one that comes later', async () => {
  const observer = new QueryObserver(queries, object());
  const end = observer.subscribe(() => {});
  await settle();
  const error = { code: 403, message: 'forbidden' };
  world.socket.answer('subscribe', { body: { subscriptions: [], failures: [{ r, error }] } });
  await settle();
  expect(observer.getCurrentResult()).toMatchObject({
    ...{ status: 'error', failureCount: 1 },
    error: { name: 'ReallyError', code: 403, message: 'forbidden' },
  });
  void observer.refetch();
  await subscribed();
  expect(observer.getCurrentResult()).toMatchObject({ status: 'success', data: { votes: 3 } });
  world.socket.say({ evt: 'failed', r, error });
  await settle();
  world.socket.answer('subscribe', { body: { subscriptions: [], failures: [{ r, error }] } });
  await settle();
  expect(observer.getCurrentResult()).toMatchObject({ status: 'error', error: { code: 403 } });
  end();
});

test('[TSQ3] the data of a deleted object is null, and that of another user goes at once', async () => {
  const observer = new QueryObserver(queries, object());
  const end = observer.subscribe(() => {});
  await subscribed();
  vi.useRealTimers();
  await world.lose({ user: { uid: 'beno' } });
  await world.settle();
  expect(observer.getCurrentResult().data).toBeUndefined();
  vi.useFakeTimers();
  await subscribed(8);
  expect(observer.getCurrentResult().data).toMatchObject({ votes: 8 });
  world.socket.say({ evt: 'deleted', r, rev: 2 });
  await settle();
  expect(observer.getCurrentResult().data).toBeNull();
  end();
});

test('[TSQ3] a fetch that waits when the client is closed fails, and so does a later one', async () => {
  const fetched = queries.fetchQuery(object()).catch((error: unknown) => error);
  await settle();
  client.close();
  expect(await fetched).toMatchObject({ message: 'connection.closed' });
  await expect(queries.fetchQuery(object())).rejects.toMatchObject({
    message: 'connection.closed',
  });
});

test('[TSQ2] a query that is removed during its first fetch ends nothing of the next one', async () => {
  const first = queries.fetchQuery(object()).catch(() => {});
  await settle();
  queries.removeQueries({ queryKey: ['really'] });
  await first;
  const observer = new QueryObserver(queries, object());
  const end = observer.subscribe(() => {});
  await subscribed();
  await vi.advanceTimersByTimeAsync(2 * linger);
  expect(observer.getCurrentQuery().state.isInvalidated).toBe(false);
  end();
});
