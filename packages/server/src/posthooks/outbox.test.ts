import { fail } from '@really/protocol';
import { expect, test } from 'vitest';
import { testApp } from '../commands/test-app.fixture.js';
import { entryWrite, type OutboxEntry } from '../commands/write/outbox-entry.js';
import { DeadLetters } from '../jobs/dead-letters.js';
import type { HookPause } from '../model/hook-state.js';
import type { ModelSet, Script, ScriptResult } from '../model/model.js';
import { requestOf } from '../objects/system-records.js';
import { Budgets } from '../platform/budget.js';
import { silentLog } from '../platform/log.js';
import { noMetrics } from '../platform/metrics.js';
import { Outbox } from './outbox.js';

const entry: OutboxEntry = {
  ...{ hook: 'postCreate', r: '/notes/1', rev: 1, at: 1, model: 'notes', chain: 0 },
  ...{ data: {}, fields: [], before: {}, auth: { uid: 'amal' } },
};

const paused: HookPause = {
  ...{ kind: 'paused', call: '["count","/notes"]', effects: [], effectChars: 0, prints: 0 },
};
const done: ScriptResult = {
  ...{ kind: 'returned', value: undefined, hidden: [], effects: [['create', '/records/1', {}]] },
};

/** Runs one entry, which has a single attempt, with a hook whose executions end like this. */
async function runEntry(results: readonly (ScriptResult | HookPause)[], refusals = 0) {
  const app = await testApp({
    models: { notes: 'version: 1\nfields: {}', records: 'version: 1\nfields: {}' },
    limits: { hookAttempts: 1 },
  });
  const refused: string[] = [];
  let executions = 0;
  const hook: Script = {
    where: 'models/notes/post-create.js',
    reads: { uid: false, r: false, all: false },
    run: () => done,
    advance: async () => results[executions++] ?? done,
  };
  const all = app.services.models().all();
  const hooked = all.map((model) => {
    return model.key === 'notes' ? { ...model, hooks: { postCreate: hook } } : model;
  });
  const models: ModelSet = {
    get: (names) => hooked.find(({ key }) => key === names.join('/')),
    all: () => hooked,
  };
  const { queryLimiter } = app.services;
  const limiter = Object.create(queryLimiter);
  limiter.run = async (requester: never, query: () => Promise<unknown>) => {
    if (refusals-- > 0) throw fail.rateLimited();
    return await queryLimiter.run(requester, query);
  };
  const budgets = new Budgets(noMetrics);
  budgets.refuse = (key) => refused.push(key);
  const services = { ...app.services, models: () => models, queryLimiter: limiter, budgets };
  const { platform } = app;
  const { objects, store } = app.services;
  const ports = { log: silentLog, metrics: noMetrics, bus: app.bus };
  const bounds = { limit: 10, age: 1_000_000 };
  const deadLetters = new DeadLetters({ ...ports, store, objects, platform, ...bounds });
  const outbox = new Outbox({ ...ports, services, deadLetters, deliveries: () => [] });
  await objects.writeAll([requestOf(entryWrite(`/_outbox/${objects.newId()}`, entry))]);
  outbox.start();
  await expect
    .poll(async () => {
      platform.advance(1000);
      return (await objects.head('/records/1')) ?? (await deadLetters.list(1))[0];
    })
    .toBeDefined();
  await outbox.close();
  const [letter] = await deadLetters.list(1);
  return { reason: letter?.reason, executions, refused };
}

test('[HRD1] a run waits where too many post hooks read or run, which is no failed attempt', async () => {
  const waiting = { kind: 'refused', bound: 'limits.hooksWaiting', retryAfter: 1 } as const;
  expect(await runEntry([waiting, paused, paused, done], 2)).toEqual({
    ...{ reason: undefined, executions: 4, refused: [] },
  });
});

test('[HRD1] a bound that a run failed for is counted', async () => {
  const message = 'Error: count: a run may read 50 times: beyond limits.hookReads';
  expect(await runEntry([{ kind: 'threw', message, line: 3 }])).toEqual({
    reason: `models/notes/post-create.js:3: ${message}`,
    executions: 1,
    refused: ['limits.hookReads'],
  });
});
