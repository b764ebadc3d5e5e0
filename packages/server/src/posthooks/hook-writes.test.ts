import type { JsonObject } from '@really/protocol';
import { expect, test, vi } from 'vitest';
import { PrivilegedContexts } from '../commands/privileged-contexts.js';
import { type TestApp, testApp } from '../commands/test-app.fixture.js';
import type { OutboxEntry } from '../commands/write/outbox-entry.js';
import type { Job, JobOutcome } from '../jobs/job-queue.js';
import type { ScriptEffect } from '../model/hook-state.js';
import { type ControlledStore, controlled } from '../objects/controlled-store.fixture.js';
import { SystemRecords } from '../objects/system-records.js';
import type { Platform } from '../platform/platform.js';
import { openMemoryStore } from '../store/memory/store.js';
import { StoreUnavailable } from '../store/store-errors.js';
import { HookWrites } from './hook-writes.js';

const amal = { uid: 'amal' };
const models = {
  notes: 'version: 1\nfields: { n: { type: Long, default: 0 }, text: { type: String } }',
};

const entry: OutboxEntry = {
  ...{ hook: 'postUpdate', r: '/notes/own', rev: 2, at: 1, model: 'notes', chain: 0 },
  ...{ data: {}, fields: [], before: {}, auth: amal },
};

/** The writes of one run on an app, with its entry in the store. */
class TestRun {
  readonly app: TestApp;
  readonly writes: HookWrites;
  readonly r: string;

  constructor(app: TestApp, writes: HookWrites, r: string) {
    this.app = app;
    this.writes = writes;
    this.r = r;
  }

  /** Writes effects until the run is over; `between` is called after each part. */
  async all(effects: readonly ScriptEffect[], between = async () => {}): Promise<JobOutcome[]> {
    const outcomes = [await this.writes.write(await this.job(), entry, effects)];
    while (outcomes.at(-1)?.kind === 'continued') {
      await between();
      outcomes.push(await this.part());
    }
    return outcomes;
  }

  async part(): Promise<JobOutcome> {
    const job = await this.job();
    return await this.writes.writePart(job, entry, job.data.parts as string[]);
  }

  async job(): Promise<Job> {
    const stored = await this.app.services.objects.head(this.r);
    return { r: this.r, id: this.r, data: stored?.data ?? {}, attempts: 0 };
  }

  async stored(name: string): Promise<JsonObject[]> {
    const { entries } = await this.app.store.created({ names: [name], parents: [] }, 0, 10_000);
    return entries.map(({ object }) => ({ ...object.data, _r: object.r }));
  }
}

const queued = new Map<TestApp, HookWrites>();

async function openRun(app?: TestApp): Promise<TestRun> {
  const opened = app ?? (await testApp({ models }));
  const { services } = opened;
  const records = new SystemRecords(services.objects);
  const writes =
    queued.get(opened) ??
    new HookWrites({
      services,
      contexts: new PrivilegedContexts(services),
      deliveries: () => [],
      progress: ({ r }, progress) => records.request(r, (held) => ({ ...held, ...progress })),
    });
  queued.set(opened, writes);
  const r = `/_outbox/${services.objects.newId()}`;
  await records.put(r, () => ({}));
  return new TestRun(opened, writes, r);
}

const creations = (count: number): ScriptEffect[] =>
  Array.from({ length: count }, (_, n) => ['create', `/notes/${n}`, { n }] as const);

test('[POST4] up to a hundred effects are written with the end of their run', async () => {
  const run = await openRun();
  expect(await run.all(creations(100))).toEqual([{ kind: 'erased' }]);
  expect(await run.stored('notes')).toHaveLength(100);
  expect(await run.stored('_outbox')).toEqual([]);
});

test('[HRD1] more are written in parts, in order, each once, and nothing is left of them', async () => {
  const run = await openRun();
  const effects = creations(250);
  const counts: number[] = [];
  const outcomes = await run.all(effects, async () => {
    counts.push((await run.stored('notes')).length);
  });
  expect(outcomes.map(({ kind }) => kind)).toEqual([
    ...['continued', 'continued', 'continued', 'erased'],
  ]);
  expect(counts).toEqual([0, 100, 200]);
  expect((await run.stored('notes')).map(({ n }) => n)).toEqual(effects.map((_, n) => n));
  for (const name of ['_outbox', '_outbox-parts']) expect(await run.stored(name)).toEqual([]);
});

test('[HRD1] a part that is refused stops those after it, and is tried again by itself', async () => {
  const run = await openRun();
  const effects = creations(250);
  await run.app.send(amal, { cmd: 'create', r: '/notes/150', body: {} });
  const outcomes = await run.all(effects);
  expect(outcomes.at(-1)).toMatchObject({
    kind: 'failed',
    reason: 'create /notes/150: 409 object.already.exist',
  });
  expect(await run.stored('notes')).toHaveLength(101);
  expect(await run.part()).toMatchObject({ kind: 'failed' });
  expect(await run.stored('_outbox-parts')).toHaveLength(2);
});

test('[HRD1] what was deleted since the hook ran is not updated and not removed', async () => {
  const run = await openRun();
  for (const r of ['/notes/kept', '/notes/gone', '/notes/lost']) {
    await run.app.send(amal, { cmd: 'create', r, body: {} });
  }
  const effects: ScriptEffect[] = [
    ...creations(150),
    ['update', '/notes/gone', { n: 7 }],
    ['remove', '/notes/lost', null],
    ['update', '/notes/kept', { n: 7 }],
  ];
  const outcomes = await run.all(effects, async () => {
    for (const r of ['/notes/gone', '/notes/lost']) await run.app.send(amal, { cmd: 'delete', r });
  });
  expect(outcomes.at(-1)).toEqual({ kind: 'erased' });
  expect((await run.app.store.get('/notes/kept'))?.data.n).toBe(7);
  expect((await run.app.store.get('/notes/gone'))?.rev).toBe(2);
});

test('[POST13] the objects of a part are read one after the other, with time for others in between', async () => {
  const run = await openRun();
  const { objects } = run.app.services;
  const rs = Array.from({ length: 30 }, (_, n) => `/notes/large${n}`);
  for (const r of rs) await run.app.send(amal, { cmd: 'create', r, body: {} });
  const updates: ScriptEffect[] = rs.map((r) => ['update', r, { n: 7 }]);
  const pauses = vi.spyOn(objects, 'timeFor');
  const outcomes = await run.all([...updates, ...creations(80)], async () => {
    objects.modelsReplaced(new Set(['notes']));
  });
  expect(outcomes.at(-1)).toEqual({ kind: 'erased' });
  expect(pauses.mock.calls.slice(0, 30)).toEqual(rs.map(() => ['uid amal']));
});

test('[HRD1] one that never was, or that the run itself removed before, is refused', async () => {
  const run = await openRun();
  await run.app.send(amal, { cmd: 'create', r: '/notes/one', body: {} });
  const never: ScriptEffect[] = [...creations(100), ['update', '/notes/never', { n: 1 }]];
  expect((await run.all(never)).at(-1)).toMatchObject({
    reason: 'update /notes/never: 404 object.missing',
  });
  const other = await openRun();
  await other.app.send(amal, { cmd: 'create', r: '/notes/one', body: {} });
  const twice: ScriptEffect[] = [
    ...creations(100),
    ['remove', '/notes/one', null],
    ['update', '/notes/one', { n: 1 }],
  ];
  expect((await other.all(twice)).at(-1)).toMatchObject({
    kind: 'failed',
    reason: 'update /notes/one: 410 object.gone',
  });
});

test('[HRD1] effects that are too large for one commit are written in smaller parts', async () => {
  const run = await openRun();
  const text = 'x'.repeat(400_000);
  const rs = Array.from({ length: 30 }, (_, n) => `/notes/large${n}`);
  for (const r of rs) await run.app.send(amal, { cmd: 'create', r, body: { text } });
  const updates: ScriptEffect[] = rs.map((r) => ['update', r, { n: 7 }]);
  const outcomes = await run.all(updates);
  expect(outcomes.map(({ kind }) => kind)).toEqual(['continued', 'continued', 'erased']);
  // 55 effects in the second part, of which the updates are too large for a commit.
  const next = await openRun(run.app);
  const halved = await next.all([...creations(80), ...updates]);
  expect(halved.length).toBeGreaterThan(3);
  expect(halved.at(-1)).toEqual({ kind: 'erased' });
  const heads = await run.app.services.objects.heads(rs);
  expect(heads.map((head) => [head?.rev, head?.data.n])).toEqual(rs.map(() => [3, 7]));
  for (const name of ['_outbox', '_outbox-parts']) expect(await run.stored(name)).toEqual([]);
});

test('[HRD1] [POST13] so many runs are in parts at a time, fewer of one owner, and others wait with nothing written', async () => {
  const { app } = await openRun();
  const effects: ScriptEffect[] = Array.from({ length: 101 }, () => ['create', '/notes', {}]);
  const runs: TestRun[] = [];
  const kindsFor = async (uid: string, count: number) => {
    const kinds: string[] = [];
    for (let n = 0; n < count; n++) {
      const run = await openRun(app);
      runs.push(run);
      const own = { ...entry, auth: { uid } };
      kinds.push((await run.writes.write(await run.job(), own, effects)).kind);
    }
    return kinds;
  };
  expect(await kindsFor('eve', 13)).toEqual([...Array(12).fill('continued'), 'postponed']);
  expect(await kindsFor('bob', 5)).toEqual([...Array(4).fill('continued'), 'postponed']);
  const [first, last] = [runs[0], runs.at(-1)];
  while ((await first?.part())?.kind === 'continued');
  expect(await last?.all(effects)).toHaveLength(3);
});

test('[HRD1] a run whose parts cannot be stored keeps no other waiting', async () => {
  let store: ControlledStore | undefined;
  const open = (platform: Platform) => {
    store = controlled(openMemoryStore({}, platform));
    return store;
  };
  const { app } = await openRun(await testApp({ models, open }));
  const effects: ScriptEffect[] = Array.from({ length: 101 }, () => ['create', '/notes', {}]);
  for (let n = 0; n < 16; n++) {
    const run = await openRun(app);
    const job = await run.job();
    store?.failNext(new StoreUnavailable('the disk is full'));
    await expect(run.writes.write(job, entry, effects)).rejects.toThrow('server.unavailable');
  }
  const outcomes = await (await openRun(app)).all(effects);
  expect(outcomes.map(({ kind }) => kind)).toEqual(['continued', 'continued', 'erased']);
});
