import { fail, ProtocolError } from '@really/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { localBus } from '../bus/local/bus.js';
import { silentLog } from '../platform/log.js';
import { simulatedPlatform } from '../platform/simulated.js';
import { openMemoryStore } from '../store/memory/store.js';
import { StoreUnavailable } from '../store/store-errors.js';
import type { CommittedChange, StoredObject } from '../store/stored-object.js';
import { createWrite, updateWrite, type WriteOrigin } from './change.js';
import { Objects } from './objects.js';

const origin: WriteOrigin = { by: { uid: 'u' }, at: 1, modelVersion: 1 };
const rs = ['/users/1', '/users/2', '/users/3'];

const request = fc.record({
  r: fc.constantFrom(...rs),
  kind: fc.constantFrom('add', 'add', 'add', 'clash', 'require', 'odd', 'look'),
  /** Ticks of the event loop that preparing takes, and that pass before the next request. */
  ticks: fc.constantFrom(0, 0, 1, 3),
  pause: fc.constantFrom(0, 0, 0, 1, 2),
  once: fc.option(fc.constantFrom('a', 'b'), { nil: undefined, freq: 5 }),
});
type Request = typeof request extends fc.Arbitrary<infer T> ? T : never;

const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

async function setUp(failures: readonly boolean[], isSoleWriter: boolean) {
  const platform = simulatedPlatform({ seed: 1 });
  const store = openMemoryStore({}, platform);
  const email = [{ fields: ['email'], unique: true }];
  await store.prepare([{ names: ['users'], indexes: email, retention: {} }]);
  await store.commit([
    {
      writes: [
        ...rs.map((r) => createWrite(r, { n: 0 }, origin)),
        createWrite('/users/taken', { email: 'taken' }, origin),
      ],
    },
  ]);
  const { commit } = store;
  let commits = 0;
  Object.assign(store, {
    isSoleWriter,
    async commit(writes: Parameters<typeof commit>[0]) {
      const fails = failures[commits++ % Math.max(1, failures.length)];
      await turns(commits % 3);
      if (fails) throw new StoreUnavailable('away');
      return await commit.call(store, writes);
    },
  });
  const bus = localBus();
  const publishedChanges: CommittedChange[] = [];
  bus.listen((changes) => publishedChanges.push(...changes));
  return {
    store,
    publishedChanges,
    objects: new Objects({ store, bus, platform, log: silentLog }),
  };
}

function write(objects: Objects, { r, kind, ticks, once }: Request) {
  const key = once === undefined ? undefined : { uid: 'u', id: r + once, cmd: 'update', r };
  return objects.write({
    r,
    once: key,
    async prepare(head: StoredObject | undefined, look) {
      await turns(ticks);
      if (kind === 'look') await look(rs);
      if (!head) throw fail('object.missing');
      const n = Number(head.data.n);
      if (kind === 'odd' && n % 2 === 1) throw fail('forbidden');
      const data = { ...head.data, n: n + 1, ...(kind === 'clash' && { email: 'taken' }) };
      const requires = kind === 'require' ? ['/users/none'] : [];
      const updated = { data, delta: {}, touched: ['n'] };
      return updateWrite(head, updated, { ...origin, requires });
    },
  });
}

async function outcome(result: ReturnType<typeof write>): Promise<string> {
  try {
    return (await result).kind;
  } catch (error) {
    if (error instanceof ProtocolError) return error.message;
    throw error;
  }
}

test('[DUR1] [DUR2] [DUR6] whatever fails, exactly the acknowledged writes are stored, once and in order', async () => {
  const scenario = fc.record({
    requests: fc.array(request, { minLength: 1, maxLength: 40 }),
    failures: fc.array(fc.boolean(), { maxLength: 5 }).filter((all) => !all.every(Boolean)),
    isSoleWriter: fc.boolean(),
  });
  const property = fc.asyncProperty(scenario, async ({ requests, failures, isSoleWriter }) => {
    const { store, publishedChanges, objects } = await setUp(failures, isSoleWriter);
    const results: Promise<string>[] = [];
    for (const item of requests) {
      results.push(outcome(write(objects, item)));
      await turns(item.pause);
    }
    const outcomes = await Promise.all(results);
    await objects.drain();
    for (const r of rs) {
      const committed = outcomes.filter((item, i) => item === 'committed' && requests[i]?.r === r);
      const stored = await store.get(r);
      expect(stored).toMatchObject({ rev: committed.length + 1, data: { n: committed.length } });
      expect(await objects.head(r)).toEqual(stored);
      const publishedRevs = publishedChanges
        .filter((change) => change.r === r)
        .map(({ rev }) => rev);
      expect(publishedRevs).toEqual(committed.map((_, i) => i + 2));
    }
    const positions = publishedChanges.map(({ pos }) => pos);
    expect(positions).toEqual([...positions].sort((a, b) => a - b));
    const expected: Record<string, string[]> = {
      clash: ['unique'],
      require: ['missing'],
      odd: ['committed', 'forbidden'],
    };
    outcomes.forEach((item, i) => {
      const allowed = expected[requests[i]?.kind ?? ''] ?? ['committed'];
      expect([...allowed, 'repeated', 'server.unavailable']).toContain(item);
    });
    if (!failures.includes(true)) expect(outcomes).not.toContain('server.unavailable');
  });
  await fc.assert(property, { numRuns: 100 });
});
