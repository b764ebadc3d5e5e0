import type { JsonObject } from '@really/protocol';
import { expect, test } from 'vitest';
import { localBus } from '../bus/local/bus.js';
import { controlled } from '../objects/controlled-store.fixture.js';
import { Objects } from '../objects/objects.js';
import { requestOf, systemCreation } from '../objects/system-records.js';
import { silentLog } from '../platform/log.js';
import { simulatedPlatform } from '../platform/simulated.js';
import { openMemoryStore } from '../store/memory/store.js';
import { StoreUnavailable } from '../store/store-errors.js';
import { type Job, type JobOutcome, JobQueue, type JobQueueOptions } from './job-queue.js';

const scope = { names: ['_work'], parents: [] };
const retry = { delays: [1000, 5000], jitter: 0, attempts: 3 };
const away = () => new StoreUnavailable('away');

/** Job queues, one after the other, on one memory store. */
class Bench {
  readonly platform = simulatedPlatform({ seed: 1 });
  readonly store = controlled(openMemoryStore({}, this.platform));
  readonly bus = localBus();
  readonly objects = new Objects({ ...this, log: silentLog });
  /** Attempts as `name@attempts`, and reports as `name kind`, in order. */
  readonly attempts: string[] = [];
  readonly reports: string[] = [];
  outcome: (job: Job) => JobOutcome | Promise<JobOutcome> = () => ({ kind: 'done' });

  open(options: Partial<JobQueueOptions> = {}): JobQueue {
    return new JobQueue({
      ...{ store: this.store, objects: this.objects, bus: this.bus, platform: this.platform },
      ...{ log: silentLog, scope, retry, concurrency: 1 },
      run: async (job) => {
        this.attempts.push(`${job.data.name}@${job.attempts}`);
        return await this.outcome(job);
      },
      report: ({ data }, { kind }) => this.reports.push(`${data.name} ${kind}`),
      ...options,
    });
  }

  /** What is stored of the jobs that are left. */
  async left(): Promise<JsonObject[]> {
    await this.objects.drain();
    const { entries } = await this.store.created(scope, 0, 1000);
    return entries.map(({ object }) => object.data);
  }

  async tried(count: number): Promise<void> {
    await expect.poll(() => this.attempts.length).toBeGreaterThanOrEqual(count);
  }
}

/** Lets everything run that is ready. */
async function quiet(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

const jobs = (...names: string[]) => names.map((name) => ({ name }));

test('[MAIL4] a job is committed with its cause, or not at all, and erased when it is done', async () => {
  const bench = new Bench();
  const queue = bench.open();
  expect(await queue.start()).toBe(0);
  const cause = requestOf(systemCreation('/_causes/1', {}, 1));
  expect((await queue.write([cause], jobs('a'))).kind).toBe('committed');
  await bench.tried(1);
  await quiet();
  const refused = { r: '/_causes/2', prepare: () => Promise.reject(new Error('refused')) };
  expect(await queue.write([refused], jobs('b'))).toMatchObject({ kind: 'refused' });
  bench.store.failNext(away());
  await expect(queue.write([], jobs('c'))).rejects.toMatchObject({ code: 503 });
  await queue.close();
  expect([bench.attempts, bench.reports, await bench.left()]).toEqual([['a@0'], ['a done'], []]);
  expect(queue.pending).toBe(0);
});

test('[MAIL4] a job that is done is not run again because its entry could not be erased', async () => {
  const bench = new Bench();
  const queue = bench.open();
  await queue.start();
  bench.outcome = () => {
    bench.store.failNext(away(), away());
    return { kind: 'done' };
  };
  await queue.write([], jobs('a'));
  await bench.tried(1);
  for (let second = 0; second < 2; second++) {
    await quiet();
    expect(await bench.left()).toHaveLength(1);
    bench.platform.advance(1000);
  }
  await quiet();
  expect([bench.attempts, await bench.left()]).toEqual([['a@0'], []]);
});

test('[MAIL4] an urgent job is tried before its write resolves, before and beside all others', async () => {
  const bench = new Bench();
  let finish = () => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  bench.outcome = async ({ data }) => {
    await (data.name === 'slow' ? finished : quiet());
    return { kind: 'done' };
  };
  const isUrgent: JobQueueOptions['isUrgent'] = ({ data }) => data.name === 'urgent';
  const queue = bench.open({ isUrgent });
  await queue.start();
  await queue.write([], jobs('slow', 'waiting'));
  await bench.tried(1);
  await queue.write([], jobs('urgent'));
  expect(bench.attempts).toEqual(['slow@0', 'urgent@0']);
  expect(bench.reports).toEqual(['urgent done']);
  finish();
  await bench.tried(3);
  await queue.close();
  expect(await bench.left()).toEqual([]);
  // So it is with those of an earlier process.
  const closed = bench.open({ isUrgent });
  await closed.close();
  await closed.write([], jobs('x', 'y', 'urgent'));
  bench.attempts.length = 0;
  const next = bench.open({ isUrgent });
  expect(await next.start()).toBe(3);
  expect(bench.attempts[0]).toBe('urgent@0');
  await next.close();
});

test('[POST6] what is stored of a failure outlives the process: attempts, due and reason', async () => {
  const bench = new Bench();
  bench.outcome = () => ({ kind: 'failed', reason: 'no' });
  const queue = bench.open();
  await queue.start();
  await queue.write([], jobs('a'));
  await bench.tried(1);
  await quiet();
  await queue.close();
  const due = bench.platform.clock.now() + 1000;
  expect(await bench.left()).toEqual([{ name: 'a', attempts: 1, due, reason: 'no' }]);
  const next = bench.open();
  expect(await next.start()).toBe(1);
  bench.platform.advance(999);
  await quiet();
  expect(bench.attempts).toEqual(['a@0']);
  bench.platform.advance(1);
  await bench.tried(2);
  await next.close();
  expect(bench.attempts).toEqual(['a@0', 'a@1']);
  const hurried = bench.open({ retry: { ...retry, dueAtRestart: true } });
  await hurried.start();
  await bench.tried(3);
  await hurried.close();
  expect(bench.attempts).toEqual(['a@0', 'a@1', 'a@2']);
  expect([bench.reports.at(-1), await bench.left()]).toEqual(['a given-up', []]);
});

test('[POST9] a job is given up after its last attempt, at a final failure, and when it is too old', async () => {
  const bench = new Bench();
  bench.outcome = ({ data }) => ({ kind: 'failed', reason: 'no', final: data.name === 'final' });
  const buried: unknown[] = [];
  const queue = bench.open({
    retry: { ...retry, age: 10_000 },
    async moveToDeadLetters({ r, data }, why) {
      buried.push({ name: data.name, ...why });
      await bench.objects.writeAll([], { erases: [r] });
    },
  });
  await queue.start();
  const at = bench.platform.clock.now();
  await queue.write([], [{ name: 'old', at: at - 10_001 }, { name: 'final' }, { name: 'a', at }]);
  for (const delay of [1000, 5000]) {
    await quiet();
    bench.platform.advance(delay);
  }
  await quiet();
  await queue.close();
  expect(bench.attempts).toEqual(['final@0', 'a@0', 'a@1', 'a@2']);
  expect(buried).toEqual([
    { name: 'old', attempts: 1, reason: 'it is too old' },
    { name: 'final', attempts: 1, reason: 'no' },
    { name: 'a', attempts: 3, reason: 'no' },
  ]);
  expect(await bench.left()).toEqual([]);
});

test('[POST6] an unavailable store is no failed attempt', async () => {
  const bench = new Bench();
  let isAway = true;
  bench.outcome = () => {
    if (isAway) throw away();
    return { kind: 'done' };
  };
  const queue = bench.open();
  await queue.start();
  await queue.write([], jobs('a'));
  await bench.tried(1);
  isAway = false;
  await quiet();
  bench.platform.advance(1000);
  await bench.tried(2);
  await queue.close();
  expect([bench.attempts, bench.reports]).toEqual([['a@0', 'a@0'], ['a done']]);
});

test('[POST1] a long job goes on where it was after a crash, and others have their turn meanwhile', async () => {
  const bench = new Bench();
  let queue = bench.open();
  const work = async (job: Job): Promise<JobOutcome> => {
    const done = Number(job.data.done ?? 0);
    if (job.data.name !== 'long' || done === 4) return { kind: 'done' };
    if (done === 2 && job.attempts === 0) return { kind: 'failed', reason: 'once' };
    await bench.objects.writeAll([queue.progress(job, { done: done + 1 })]);
    return { kind: 'continued' };
  };
  bench.outcome = work;
  await queue.start();
  await queue.write([], jobs('long', 'short'));
  await bench.tried(4);
  await quiet();
  expect(bench.attempts).toEqual(['long@0', 'short@0', 'long@0', 'long@0']);
  await queue.close();
  expect(await bench.left()).toMatchObject([{ name: 'long', done: 2, attempts: 1 }]);
  queue = bench.open({ retry: { ...retry, dueAtRestart: true } });
  expect(await queue.start()).toBe(1);
  await bench.tried(7);
  await queue.close();
  // With progress the attempts count from 0 again.
  expect(bench.attempts.slice(4)).toEqual(['long@1', 'long@0', 'long@0']);
  expect(await bench.left()).toEqual([]);
});

test('[POST1] a long job without a cursor is given up where it stands still, however often it failed before', async () => {
  const bench = new Bench();
  let run = 0;
  bench.outcome = () => {
    run += 1;
    if (run === 6) return { kind: 'done' };
    return run % 2 === 0 ? { kind: 'continued' } : { kind: 'failed', reason: 'now and then' };
  };
  const queue = bench.open({ retry: { ...retry, attempts: 2 } });
  await queue.start();
  await queue.write([], jobs('a'));
  for (let failure = 0; failure < 3; failure++) {
    await quiet();
    bench.platform.advance(1000);
  }
  await quiet();
  await queue.close();
  expect(bench.attempts).toEqual(['a@0', 'a@1', 'a@0', 'a@1', 'a@0', 'a@1']);
  expect([bench.reports.at(-1), await bench.left()]).toEqual(['a done', []]);
});

test('[MAIL4] a job that this version does not know stays stored', async () => {
  const bench = new Bench();
  bench.outcome = () => ({ kind: 'skipped' });
  const queue = bench.open();
  await queue.start();
  await queue.write([], jobs('a'));
  await bench.tried(1);
  await queue.close();
  expect([queue.pending, await bench.left()]).toEqual([0, [{ name: 'a' }]]);
});
