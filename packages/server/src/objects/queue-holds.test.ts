import { fail } from '@really/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { localBus } from '../bus/local/bus.js';
import { silentLog } from '../platform/log.js';
import { simulatedPlatform } from '../platform/simulated.js';
import { openMemoryStore } from '../store/memory/store.js';
import { createWrite, updateWrite, type WriteOrigin } from './change.js';
import { controlled } from './controlled-store.fixture.js';
import { Objects } from './objects.js';
import type { WriteRequest } from './write-request.js';

const origin: WriteOrigin = { by: { uid: 'u' }, at: 1, modelVersion: 1 };
const room = '/users/room';
const own = '/users/own';
const other = '/users/other';

/** Milliseconds after which who holds a queue has let others by. */
const long = 200;

async function setUp() {
  const platform = simulatedPlatform({ seed: 1 });
  const inner = openMemoryStore({}, platform);
  await inner.prepare([{ names: ['users'], indexes: [], retention: {} }]);
  const all = [room, own, other].map((r) => createWrite(r, { log: [] }, origin));
  await inner.commit([{ writes: all }]);
  const store = controlled(inner);
  const objects = new Objects({ store, bus: localBus(), platform, log: silentLog });
  return { platform, store, objects };
}

const turns = async (count = 20) => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

/** Appends a name to `log`, once `before` has resolved. */
function append(
  r: string,
  name: string,
  before?: (tried: number) => Promise<unknown> | undefined,
): WriteRequest {
  let tried = 0;
  return {
    r,
    async prepare(head, look) {
      tried += 1;
      await before?.(tried);
      if (name === 'look') await look([own]);
      if (!head || name === 'refused') throw fail('forbidden');
      const data = { log: [...(head.data.log as string[]), name] };
      return updateWrite(head, { data, delta: {}, touched: ['log'] }, origin);
    },
  };
}

function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** A gate that counts how often a write was prepared. */
function counted() {
  const { opened, open } = gate();
  let count = 0;
  const wait = (tried: number) => {
    count = tried;
    return opened;
  };
  return { open, wait, tries: () => count };
}

const logOf = async (objects: Objects, r: string) => (await objects.head(r))?.data.log;

describe('who holds the queue of an object for long lets others by', () => {
  test('a batch that waits for the queue of another object, and its owner writes in order', async () => {
    const { objects, platform } = await setUp();
    const { opened, open } = gate();
    const first = objects.write({ ...append(own, 'first', () => opened), owner: 'x' });
    const requests = [append(room, 'batch'), append(own, 'batch')];
    const batch = objects.writeAll(requests, { owner: 'x' });
    const next = objects.write({ ...append(room, 'next'), owner: 'x' });
    const victim = objects.write({ ...append(room, 'victim'), owner: 'y' });
    await turns();
    expect(await logOf(objects, room)).toEqual([]);
    platform.advance(long);
    await victim;
    await objects.writeAll([append(room, 'v2'), append(other, 'v2')], { owner: 'y' });
    expect(await logOf(objects, room)).toEqual(['victim', 'v2']);
    open();
    await Promise.all([first, batch, next]);
    expect(await logOf(objects, room)).toEqual(['victim', 'v2', 'batch', 'next']);
    expect(await logOf(objects, own)).toEqual(['first', 'batch']);
    await objects.drain();
    platform.advance(long);
    expect(platform.pending).toBe(0);
  });

  test('a write that is being prepared, which is prepared again', async () => {
    const { objects, platform } = await setUp();
    const { open, wait, tries } = counted();
    const slow = objects.write({ ...append(room, 'slow', wait), owner: 'x' });
    const next = objects.write({ ...append(room, 'next'), owner: 'x' });
    const victim = objects.write({ ...append(room, 'victim'), owner: 'y' });
    await turns();
    platform.advance(long);
    await victim;
    open();
    await Promise.all([slow, next]);
    expect(await logOf(objects, room)).toEqual(['victim', 'slow', 'next']);
    expect(tries()).toBe(2);
  });

  test('a write that is refused in the end, once', async () => {
    const { objects, platform } = await setUp();
    const { open, wait, tries } = counted();
    const slow = objects.write({ ...append(room, 'refused', wait), owner: 'x' });
    const victim = objects.write({ ...append(room, 'victim'), owner: 'y' });
    await turns();
    platform.advance(long);
    await victim;
    open();
    await expect(slow).rejects.toThrow('forbidden');
    expect(tries()).toBe(1);
    await objects.drain();
  });

  test('a batch that is being prepared, which is prepared again', async () => {
    const { objects, platform } = await setUp();
    const { opened, open } = gate();
    const requests = [append(room, 'batch', () => opened), append(own, 'batch')];
    const batch = objects.writeAll(requests, { owner: 'x' });
    const victim = objects.write({ ...append(room, 'victim'), owner: 'y' });
    await turns();
    platform.advance(long);
    await victim;
    open();
    expect(await batch).toMatchObject({ kind: 'committed' });
    expect(await logOf(objects, room)).toEqual(['victim', 'batch']);
    expect(await logOf(objects, own)).toEqual(['batch']);
  });

  test('a batch that came to hold the queue when a commit was over, where nothing else is held', async () => {
    const { objects, platform, store } = await setUp();
    const { opened, open } = gate();
    store.hold();
    const pending = objects.write({ ...append(room, 'pending'), owner: 'y' });
    await store.held();
    const first = objects.write({ ...append(own, 'first', () => opened), owner: 'x' });
    const requests = [append(room, 'batch'), append(own, 'batch')];
    const batch = objects.writeAll(requests, { owner: 'x' });
    const victim = objects.write({ ...append(room, 'victim'), owner: 'y' });
    // Nobody is held up by anything but a commit so far.
    platform.advance(long);
    store.release();
    await pending;
    await turns();
    platform.advance(long);
    await victim;
    expect(await logOf(objects, room)).toEqual(['pending', 'victim']);
    open();
    await Promise.all([first, batch]);
  });

  test('one after the other, where several hold it', async () => {
    const { objects, platform } = await setUp();
    const { opened, open } = gate();
    const slow = objects.write({ ...append(room, 'slow', () => opened), owner: 'x' });
    const first = objects.write({ ...append(own, 'first', () => opened), owner: 'z' });
    const requests = [append(room, 'batch'), append(own, 'batch')];
    const batch = objects.writeAll(requests, { owner: 'z' });
    const victim = objects.write({ ...append(room, 'victim'), owner: 'y' });
    await turns();
    platform.advance(long);
    await turns();
    platform.advance(long);
    await victim;
    open();
    await Promise.all([slow, first, batch]);
    await objects.drain();
    platform.advance(long);
    expect(platform.pending).toBe(0);
  });

  test('a write whose owner goes on to what builds on it', async () => {
    const { objects, platform } = await setUp();
    const { opened, open } = gate();
    const slow = objects.write({ ...append(own, 'slow', () => opened), owner: 'x' });
    const seen: unknown[] = [];
    const next = objects.write({
      ...append(room, 'next'),
      owner: 'x',
      async prepare(head, look) {
        const [found] = await look([own]);
        seen.push(found?.data.log);
        return await append(room, 'next').prepare(head, look, async () => []);
      },
    });
    const victim = objects.write({ ...append(own, 'victim'), owner: 'y' });
    await turns();
    platform.advance(long);
    await victim;
    open();
    await Promise.all([slow, next]);
    expect(seen.at(-1)).toEqual(['victim', 'slow']);
    expect(seen).toHaveLength(1);
  });

  test('a batch of many objects, all of them at once', async () => {
    const { objects, platform } = await setUp();
    const { opened, open } = gate();
    const rs = [room, own, other];
    const requests = rs.map((r) => append(r, 'batch', () => opened));
    const batch = objects.writeAll(requests, { owner: 'x' });
    const victims = rs.map((r) => objects.write({ ...append(r, 'victim'), owner: 'y' }));
    await turns();
    platform.advance(long);
    await Promise.all(victims);
    open();
    expect(await batch).toMatchObject({ kind: 'committed' });
    for (const r of rs) expect(await logOf(objects, r)).toEqual(['victim', 'batch']);
  });

  test('not its own writes, nor before it has had some time', async () => {
    const { objects, platform } = await setUp();
    const { opened, open } = gate();
    const order: string[] = [];
    const note = (name: string) => (tried: number) => {
      order.push(`${name} ${tried}`);
      return opened;
    };
    const slow = objects.write({ ...append(room, 'slow', note('slow')), owner: 'x' });
    const next = objects.write({ ...append(room, 'next', note('next')), owner: 'x' });
    await turns();
    platform.advance(10 * long);
    await turns();
    expect(order).toEqual(['slow 1']);
    const victim = objects.write({ ...append(room, 'victim'), owner: 'y' });
    platform.advance(long / 4);
    open();
    await Promise.all([slow, next, victim]);
    expect(order).toEqual(['slow 1', 'next 1']);
    expect(await logOf(objects, room)).toEqual(['slow', 'next', 'victim']);
  });
});

test('a write does not wait for writes of others to what it reads', async () => {
  const { objects } = await setUp();
  const { opened, open } = gate();
  const first = objects.write({ ...append(own, 'first', () => opened), owner: 'x' });
  await objects.write({ ...append(room, 'look'), owner: 'y' });
  let isOver = false;
  const mine = objects.write({ ...append(room, 'look'), owner: 'x' }).then(() => {
    isOver = true;
  });
  await turns();
  expect(isOver).toBe(false);
  open();
  await Promise.all([first, mine]);
});

test('of many writes of one owner, only some go before one of another', async () => {
  const { objects } = await setUp();
  const { opened, open } = gate();
  const first = objects.write({ ...append(room, 'first', () => opened), owner: 'x' });
  const batches = Array.from({ length: 100 }, (_, i) =>
    objects.writeAll([append(room, `x${i}`)], { owner: 'x' }),
  );
  const victim = objects.write({ ...append(room, 'victim'), owner: 'y' });
  open();
  await Promise.all([first, victim, ...batches]);
  const log = (await logOf(objects, room)) as string[];
  expect(log.indexOf('victim')).toBeLessThanOrEqual(32);
  const own = log.filter((name) => name.startsWith('x'));
  expect(own).toEqual(batches.map((_, i) => `x${i}`));
});

const request = fc.record({
  owner: fc.constantFrom('x', 'y', 'z'),
  rs: fc.uniqueArray(fc.constantFrom(room, own, other), { minLength: 1, maxLength: 3 }),
  kind: fc.constantFrom('write', 'write', 'look', 'refused'),
  ticks: fc.constantFrom(0, 0, 1, 3, 8),
  pause: fc.constantFrom(0, 0, 0, 1, 2),
});

test('[BAT4] where writes let others go first, each is applied once, or with its batch, in the order of its owner', async () => {
  const scenario = fc.record({ requests: fc.array(request, { minLength: 2, maxLength: 30 }) });
  let again = 0;
  const property = fc.asyncProperty(scenario, async ({ requests }) => {
    const { objects, platform } = await setUp();
    const results = new Map<string, Promise<string>>();
    const pass = async (count: number) => {
      for (let turn = 0; turn < count; turn++) {
        await turns(1);
        platform.advance(50);
      }
    };
    for (const [index, { owner, rs, kind, ticks, pause }] of requests.entries()) {
      const name = kind === 'write' ? `${owner}${index}` : kind;
      const parts = rs.map((r) => {
        return append(r, name, (tried) => {
          if (tried > 1) again += 1;
          return turns(ticks);
        });
      });
      const [part] = parts;
      const result =
        part && parts.length === 1
          ? objects.write({ ...part, owner })
          : objects.writeAll(parts, { owner });
      const outcome = result.then(
        ({ kind: ended }) => ended,
        (error: Error) => error.message,
      );
      results.set(`${index} ${kind}`, outcome);
      await pass(pause);
    }
    let isOver = false;
    const all = Promise.all(results.values()).then(async (outcomes) => {
      await objects.drain();
      isOver = true;
      return outcomes;
    });
    for (let turn = 0; !isOver && turn < 10_000; turn++) await pass(1);
    expect(isOver, 'all of it ends').toBe(true);
    const outcomes = await all;
    for (const r of [room, own, other]) {
      const log = (await logOf(objects, r)) as string[];
      const expected = requests.flatMap(({ owner, rs, kind }, i) =>
        outcomes[i] === 'committed' && rs.some((name) => name === r)
          ? [kind === 'write' ? `${owner}${i}` : kind]
          : [],
      );
      for (const owner of ['x', 'y', 'z', 'look']) {
        const isHis = (name: string) => name.startsWith(owner);
        expect(log.filter(isHis)).toEqual(expected.filter(isHis));
      }
    }
    for (const [i, { kind }] of requests.entries()) {
      const allowed = kind === 'refused' ? ['forbidden', 'refused'] : ['committed'];
      expect([...allowed, 'server.unavailable']).toContain(outcomes[i]);
    }
  });
  await fc.assert(property, { numRuns: 100 });
  expect(again).toBeGreaterThan(0);
});
