import { afterEach, describe, expect, test } from 'vitest';
import type { Store } from '../store/store.js';
import { StoreUnavailable } from '../store/store-errors.js';
import { done, QueueBench, quiet } from './durable-queue.fixture.js';
import type { QueueStore } from './durable-queue.js';

describe('the durable queue', () => {
  let bench: QueueBench;
  const fresh = () => {
    bench = new QueueBench();
    return bench;
  };
  afterEach(async () => {
    const closed = bench.queue?.close();
    for (const r of bench.working) await bench.end(r);
    await closed;
  });

  test('[POST3] entries with one ordering key wait for each other, different keys do not', async () => {
    const { add, begun } = bind(fresh());
    bench.start();
    const [a1, a2, b1, a3] = await add('a', 'a', 'b', 'a');
    expect(begun).toEqual([a1, b1]);
    await bench.end(a1);
    expect(begun).toEqual([a1, b1, a2]);
    await bench.end(a2);
    await bench.end(b1);
    expect(begun).toEqual([a1, b1, a2, a3]);
  });

  test('[POST3] concurrency is limited, and ordering keys take turns', async () => {
    const { add, begun } = bind(fresh());
    const queue = bench.start({ concurrency: 2 });
    const [a1, a2, b1, c1] = await add('a', 'a', 'b', 'c');
    expect(begun).toEqual([a1, b1]);
    expect(queue.working).toBe(2);
    await bench.end(a1);
    // The other key has waited longer.
    expect(begun).toEqual([a1, b1, c1]);
    await bench.end(b1);
    expect(begun).toEqual([a1, b1, c1, a2]);
  });

  test('[POST1] entries of an earlier run are resumed, page by page, and in order', async () => {
    const { add, begun } = bind(fresh());
    const groups = Array.from({ length: 250 }, (_, n) => `group${n % 7}`);
    const rs = await add(...groups);
    bench.start({
      concurrency: 1,
      work: async (r) => {
        begun.push(r);
        await bench.store.commit([{ writes: [], erases: [r] }]);
        return done;
      },
    });
    await expect.poll(() => begun.length).toBe(250);
    for (const group of new Set(groups)) {
      const own = rs.filter((_, index) => groups[index] === group);
      expect(begun.filter((r) => own.includes(r))).toEqual(own);
    }
    expect(bench.queue?.pending).toBe(0);
  });

  test('[POST6] a failed entry is retried after its delay, and blocks its own ordering key only', async () => {
    const { add, begun } = bind(fresh());
    bench.start();
    const [a1, a2, b1] = await add('a', 'a', 'b');
    await bench.end(a1, { kind: 'retry', after: 1000 });
    await bench.end(b1);
    bench.platform.advance(999);
    await quiet();
    expect(begun).toEqual([a1, b1]);
    bench.platform.advance(1);
    await quiet();
    expect(begun).toEqual([a1, b1, a1]);
    await bench.end(a1);
    expect(begun).toEqual([a1, b1, a1, a2]);
  });

  test('[POST3] a stuck ordering key neither fills the memory nor blocks others, and goes on in order', async () => {
    const { add, begun } = bind(fresh());
    bench.start({ window: 30 });
    const stuck = await add(...Array.from({ length: 100 }, () => 'stuck'));
    const others = await add(...Array.from({ length: 20 }, (_, n) => `other${n}`));
    for (const r of others) await bench.end(r);
    expect(begun).toEqual([stuck[0], ...others]);
    expect(bench.queue?.pending).toBe(100);
    for (const r of stuck) await bench.end(r);
    expect(begun).toEqual([stuck[0], ...others, ...stuck.slice(1)]);
    expect(bench.queue?.pending).toBe(0);
  });

  test('[POST3] a key written faster than it is worked off does not keep later entries of others out', async () => {
    const { add, begun } = bind(fresh());
    const { slow, open, reads } = gated(bench.store);
    const work = async (r: string) => {
      begun.push(r);
      await bench.store.commit([{ writes: [], erases: [r] }]);
      return done;
    };
    bench.start({ work }, slow);
    await open();
    const busy = await add(...Array.from({ length: 800 }, () => 'busy'));
    const others: string[] = [];
    while (begun.length < busy.length + others.length) {
      const key = `other${others.length}`;
      if (others.length < 10) others.push(...(await add(key)));
      if (others.length < 10)
        busy.push(...(await add(...Array.from({ length: 20 }, () => 'busy'))));
      await open();
    }
    // 100 entries are read at a time, and every second time for the key that has waited.
    expect(begun.indexOf(others[0] ?? '')).toBeLessThan(200);
    expect(begun.indexOf(others[9] ?? '')).toBeLessThan(400);
    expect(begun.filter((r) => busy.includes(r))).toEqual(busy);
    expect(bench.queue?.pending).toBe(0);
    // One read for each 16 entries of the busy key, and one for each 100 of all.
    expect(reads()).toBeLessThan(90);
  });

  test('[POST3] starved keys are read for in turn, and each goes on in order', async () => {
    const { add, begun } = bind(fresh());
    const keys = Array.from({ length: 600 }, (_, n) => ['a', 'b', `c${n}`][n % 3] ?? '');
    const rs = await add(...keys, 'a', 'b');
    keys.push('a', 'b');
    const work = async (r: string) => {
      begun.push(r);
      await bench.store.commit([{ writes: [], erases: [r] }]);
      return done;
    };
    bench.start({ work, window: 50 });
    await expect.poll(() => begun.length).toBe(rs.length);
    for (const key of ['a', 'b']) {
      const own = rs.filter((_, index) => keys[index] === key);
      expect(begun.filter((r) => own.includes(r))).toEqual(own);
    }
    expect(new Set(begun).size).toBe(rs.length);
  });

  test('[POST3] entries added while the store is read are taken once, and after earlier ones', async () => {
    const { add, begun } = bind(fresh());
    const { slow, open } = gated(bench.store);
    bench.start({}, slow);
    await open();
    const rs = await add(...Array.from({ length: 40 }, () => 'a'));
    for (let done = 0; done < rs.length; ) {
      const [r] = bench.working;
      if (r === undefined) await open();
      else {
        await bench.end(r);
        done++;
        if (done === 20) rs.push(...(await add('a', 'a')));
      }
    }
    expect(begun).toEqual(rs);
  });

  test('[POST1] an entry that ends while a page that contains it is read is not begun again', async () => {
    const { add, begun } = bind(fresh());
    const { slow, open } = gated(bench.store);
    const rs = await add(...Array.from({ length: 17 }, () => 'a'), 'b');
    bench.start({}, slow);
    await open();
    const b = rs.at(-1);
    // The key is skipped from its last entry on: reaching that takes a page that contains `b` too.
    for (const r of rs.slice(0, 16)) await bench.end(r);
    await bench.end(b);
    await open();
    await open();
    expect(begun.filter((r) => r === b)).toEqual([b]);
    expect(bench.working).toEqual([rs[16]]);
  });

  test('[POST1] an unavailable store is read again, and work that throws is retried', async () => {
    const { add, begun } = bind(fresh());
    let away = true;
    const { store } = bench;
    const flaky: QueueStore = {
      count: (query) => store.count(query),
      async created(...asked) {
        if (away) throw new StoreUnavailable('away');
        return await store.created(...asked);
      },
    };
    let throws = true;
    bench.start(
      {
        work: async (r) => {
          begun.push(r);
          if (throws) throw new Error('a bug');
          await store.commit([{ writes: [], erases: [r] }]);
          return done;
        },
      },
      flaky,
    );
    const [r] = await add('a');
    expect(begun).toEqual([]);
    away = false;
    bench.platform.advance(1000);
    await quiet();
    expect(begun).toEqual([r]);
    throws = false;
    bench.platform.advance(1000);
    await quiet();
    expect(begun).toEqual([r, r]);
  });

  test('[POST6] an entry that is not due yet waits, also after a restart', async () => {
    const { add, begun } = bind(fresh());
    const [r] = await add('a');
    bench.start({ notBefore: () => 5000 });
    await quiet();
    expect(begun).toEqual([]);
    bench.platform.advance(5000);
    await quiet();
    expect(begun).toEqual([r]);
  });

  test('[POST1] closing waits for work in progress, begins no more, and leaves the rest', async () => {
    const { add, begun } = bind(fresh());
    const queue = bench.start({ concurrency: 1 });
    const [a1] = await add('a', 'a', 'b');
    let closed = false;
    const closing = queue.close().then(() => {
      closed = true;
    });
    await quiet();
    expect(closed).toBe(false);
    await bench.end(a1);
    await closing;
    await add('c');
    expect(begun).toEqual([a1]);
    const { entries } = await bench.store.created({ names: ['_jobs'], parents: [] }, 0, 10);
    expect(entries).toHaveLength(3);
  });
});

function bind(bench: QueueBench) {
  return { add: bench.add.bind(bench), begun: bench.begun };
}

/** A store whose pages arrive when the test opens the gate. */
function gated(store: Store) {
  const gates: (() => void)[] = [];
  let reads = 0;
  const slow: QueueStore = {
    count: (query) => store.count(query),
    async created(...asked) {
      const answer = await store.created(...asked);
      reads += 1;
      await new Promise<void>((resolve) => gates.push(resolve));
      return answer;
    },
  };
  const open = async () => {
    await quiet();
    for (const gate of gates.splice(0)) gate();
    await quiet();
  };
  return { slow, open, reads: () => reads };
}
