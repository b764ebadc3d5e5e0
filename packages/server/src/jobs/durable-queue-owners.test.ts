import { afterEach, describe, expect, test } from 'vitest';
import { QueueBench, quiet } from './durable-queue.fixture.js';
import type { DurableQueueOptions, QueueAttempt } from './durable-queue.js';

/** The parts of `eve:doc`: an owner and an ordering key. */
const partsOf = (group: unknown) => String(group).split(':') as [string, string];
const owned: Partial<DurableQueueOptions> = {
  ownerOf: ({ data }) => partsOf(data.group)[0],
  orderingKey: ({ data }) => partsOf(data.group)[1],
};
const many = (owner: string, count: number, first = 0) => {
  return Array.from({ length: count }, (_, n) => `${owner}:${owner}${first + n}`);
};

describe('the owners of entries of the durable queue', () => {
  let bench: QueueBench;
  const start = (options: Partial<DurableQueueOptions> = {}) => {
    bench = new QueueBench();
    return bench.start({ ...owned, ...options });
  };
  afterEach(async () => {
    const closed = bench.queue?.close();
    for (const r of bench.working) await bench.end(r);
    await closed;
  });

  test('[POST13] some of what runs at once is kept for others, who take turns with an owner of many', async () => {
    start({ concurrency: 16 });
    const eves = await bench.add(...many('eve', 40));
    expect(bench.begun).toEqual(eves.slice(0, 14));
    const bobs = await bench.add(...many('bob', 4));
    expect(bench.begun.slice(14)).toEqual(bobs.slice(0, 2));
    for (const r of eves.slice(0, 4)) await bench.end(r);
    expect(bench.begun.slice(16)).toEqual([bobs[2], eves[14], bobs[3], eves[15]]);
  });

  test('[POST13] without others an owner has the rest of its entries done one after the other', async () => {
    start({ concurrency: 4, window: 16 });
    const eves = await bench.add(...many('eve', 300));
    for (const r of eves) await bench.end(r);
    expect(bench.begun).toEqual(eves);
    expect(bench.queue?.pending).toBe(0);
  });

  test('[POST13] an owner whose entries fail again and again does not keep those of others out', async () => {
    start({ concurrency: 4, window: 40 });
    const eves = await bench.add(...many('eve', 400));
    const later: QueueAttempt = { kind: 'retry', after: 60_000 };
    const failAll = async () => {
      for (let [r] = bench.working; r !== undefined; [r] = bench.working) await bench.end(r, later);
    };
    await failAll();
    expect(bench.begun).toEqual(eves.slice(0, 20));
    const bobs = await bench.add(...many('bob', 8));
    expect(bench.working).toEqual(bobs.slice(0, 3));
    for (const r of bobs) await bench.end(r);
    bench.platform.advance(60_000);
    await quiet();
    expect(bench.working).toEqual(eves.slice(0, 3));
  });

  test('[POST3] [POST13] what others do to an object waits for what an owner did to it before that is held back', async () => {
    start({ concurrency: 4, window: 40 });
    const eves = await bench.add(...many('eve', 30), 'eve:doc', ...many('eve', 5, 40));
    const bobs = await bench.add('bob:doc', 'bob:other');
    expect(bench.working).toContain(bobs[1]);
    for (const r of [bobs[1], ...eves.slice(0, 30)]) await bench.end(r);
    expect(bench.begun).toContain(eves[30]);
    expect(bench.begun).not.toContain(bobs[0]);
    await bench.end(eves[30]);
    expect(bench.begun).toContain(bobs[0]);
  });

  test('[POST11] [POST13] when too many wait, an owner with few of them may still add some', async () => {
    const queue = start({ window: 4 });
    await bench.add(...many('eve', 9));
    const areFull = (...owners: string[]) => owners.map((owner) => queue.isFullFor(owner, 10));
    expect(areFull('eve', 'bob')).toEqual([false, false]);
    await bench.add(...many('eve', 1, 9), ...many('bob', 4));
    expect(areFull('eve', 'bob', 'cid')).toEqual([true, false, false]);
    await bench.add(...many('bob', 1, 4));
    expect(areFull('eve', 'bob', 'cid')).toEqual([true, true, false]);
    await bench.add(...many('cid', 2), ...many('dan', 2));
    expect(areFull('eve', 'bob', 'cid', 'new')).toEqual([true, true, false, false]);
    // Twice the limit is the end for all.
    await bench.add(...many('cid', 1, 2));
    expect(areFull('cid', 'new')).toEqual([true, true]);
  });

  test('[POST13] entries of an earlier run count for their owners', async () => {
    bench = new QueueBench();
    await bench.add(...many('eve', 250), ...many('bob', 1));
    const queue = bench.start({ ...owned, window: 40 });
    await quiet();
    expect(bench.begun).toContain('/_jobs/251');
    expect(queue.isFullFor('eve', 251)).toBe(true);
    expect(queue.isFullFor('bob', 251)).toBe(false);
  });
});
