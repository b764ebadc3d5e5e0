import { type JsonObject, type JsonValue, ProtocolError } from '@really/protocol';
import type { Bus } from '../bus/bus.js';
import { PrivilegedContexts } from '../commands/privileged-contexts.js';
import type { Services } from '../commands/services.js';
import { type OutboxEntry, outbox, readEntry } from '../commands/write/outbox-entry.js';
import type { DeadLetters } from '../jobs/dead-letters.js';
import { jobOwner } from '../jobs/job-owner.js';
import { type Job, type JobFailure, type JobOutcome, JobQueue } from '../jobs/job-queue.js';
import { doubling } from '../jobs/retry-policy.js';
import { plainAuth } from '../model/hooks.js';
import { lookupScope } from '../model/lookups/find-lookups.js';
import type { Script, ScriptFailure, ScriptResult } from '../model/model.js';
import type { WriteRequest } from '../objects/write-request.js';
import type { Log } from '../platform/log.js';
import type { Metrics } from '../platform/metrics.js';
import { HookReads } from './hook-reads.js';
import { runHook } from './hook-run.js';
import { type HookEvent, HookWrites } from './hook-writes.js';

/** What the queues of post hooks and of webhooks are made with. */
export interface HookQueuePorts {
  readonly services: Services;
  readonly bus: Bus;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly deadLetters: DeadLetters;
}

export interface OutboxOptions extends HookQueuePorts {
  /** Creates the deliveries of an event, one for each endpoint that wants it. */
  readonly deliveries: (event: HookEvent) => WriteRequest[];
}

const concurrency = 16;
const delays = doubling(1000, 60_000);

const outcomes = {
  done: 'done',
  continued: 'continued',
  retried: 'again',
  'given-up': 'dead',
} as const;

/**
 * Runs post hooks: each entry of the outbox once its write is committed, those of an object in
 * order. The writes of a hook are committed together with the removal of its entry, all or none: so
 * they happen once, however often the hook had to run. `HookWrites` has what becomes of many.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #reads: HookReads;
  readonly #writes: HookWrites;
  readonly #queue: JobQueue;

  constructor(options: OutboxOptions) {
    const { services, bus, log, metrics, deadLetters } = options;
    const { store, objects, platform, limits } = services;
    this.#options = options;
    const contexts = new PrivilegedContexts(services);
    this.#reads = new HookReads(contexts.ofHook(0));
    const runs = metrics.counter(
      'really_post_hooks_total',
      'Runs of post hooks: done, to be retried, given up as dead letters, or continued after a part of their writes.',
      ['outcome'],
    );
    this.#queue = new JobQueue({
      ...{ store, objects, bus, platform, log, concurrency },
      scope: { names: [outbox], parents: [] },
      orderingKey: ({ data, r }) => (typeof data.r === 'string' ? data.r : r),
      ownerOf: ({ data }) => jobOwner(data),
      retry: { delays, jitter: 0.5, attempts: limits.hookAttempts },
      run: (job) => this.#run(job),
      report: (_, { kind }) => runs.add(1, outcomes[kind]),
      moveToDeadLetters: async (job, why) => {
        const { r, data } = job;
        const about = typeof data.r === 'string' ? data.r : '';
        const what = `${data.model} ${data.hook}`;
        const records = readEntry(data)?.parts;
        await deadLetters.add({ kind: 'hook', from: r, about, what, ...why, work: data, records });
      },
      ended: (r) => this.#writes.forget(r),
    });
    this.#writes = new HookWrites({
      ...{ services, contexts, deliveries: options.deliveries },
      progress: (job, parts) => this.#queue.progress(job, parts),
    });
    metrics.observe(
      'really_post_hooks_pending',
      'Runs of post hooks that wait or are in progress.',
      () => this.#queue.pending,
    );
    metrics.observe(
      'really_post_hooks_running',
      'Post hooks that are running.',
      () => this.#queue.working,
    );
  }

  /** See `DurableQueue.isFullFor`. */
  isFullFor(owner: string): boolean {
    return this.#queue.isFullFor(owner, this.#options.services.limits.outbox);
  }

  start(): void {
    void this.#queue.start();
  }

  async close(): Promise<void> {
    await this.#queue.close();
  }

  async #run(job: Job): Promise<JobOutcome> {
    const entry = readEntry(job.data);
    if (!entry) return failed({ reason: 'no entry that this version can read', final: true });
    // The hook is over, and part of what it asked for is written.
    if (entry.parts) return await this.#writes.writePart(job, entry, entry.parts);
    const model = this.#options.services.models().get(entry.model.split('/'));
    const hook = model?.hooks[entry.hook];
    // The app has no such hook any more.
    if (!model || !hook) return { kind: 'done' };
    const { auth, r, data: obj } = entry;
    // As committed when it runs (rule LKP2).
    const found = await lookupScope(hook.lookups, { auth, r, obj }, { read: model.readLookups });
    const result = await this.#execute(hook, { ...found, ...scopeOf(entry) });
    switch (result.kind) {
      case 'returned':
        return await this.#writes.write(job, entry, result.effects ?? []);
      case 'refused':
        return { kind: 'postponed', ms: result.retryAfter * 1000 };
      case 'cancelled':
        return failed({ reason: `${hook.where}: it cancelled` });
      default:
        model.onScriptFailure(hook.where, result);
        this.#countBound(result);
        return failed({ reason: reasonOf(hook, result) });
    }
  }

  async #execute(hook: Script, scope: HookScope): Promise<ScriptResult> {
    const { platform, limits } = this.#options.services;
    try {
      return await runHook(hook, scope, { reads: this.#reads, platform, limits });
    } catch (error) {
      // Other post hooks read, too: that is no failure of this one.
      const isBusy = error instanceof ProtocolError && error.code === 429;
      if (isBusy) return { kind: 'refused', bound: 'limits.queriesAtOnce', retryAfter: 1 };
      throw error;
    }
  }

  /** A bound of which only the script knows. */
  #countBound(failure: ScriptFailure): void {
    if (failure.kind !== 'threw') return;
    const bound = (['limits.hookReads', 'limits.hookWrites'] as const).find((key) => {
      return failure.message.endsWith(`beyond ${key}`);
    });
    if (bound) this.#options.services.budgets.refuse(bound);
  }
}

type HookScope = Record<string, JsonValue | undefined>;

function failed(failure: JobFailure): JobOutcome {
  return { kind: 'failed', ...failure };
}

/** The variables of a post hook: all names exist, whatever the hook. */
function scopeOf(entry: OutboxEntry): HookScope {
  const { hook, r, rev, data, fields, before, auth } = entry;
  const as = (content: JsonObject, at: number): JsonObject => ({ ...content, _r: r, _rev: at });
  const shared = { fields: [...fields], auth: plainAuth(auth) };
  switch (hook) {
    case 'postCreate':
      return { ...shared, obj: as(data, rev), after: as(data, rev) };
    case 'postUpdate': {
      const kept = Object.entries(data).filter(([name]) => !fields.includes(name));
      const earlier = { ...Object.fromEntries(kept), ...before };
      return { ...shared, obj: as(data, rev), after: as(data, rev), before: as(earlier, rev - 1) };
    }
    case 'postDelete':
      return { ...shared, obj: as(data, rev - 1), before: as(data, rev - 1) };
    default:
      return hook satisfies never;
  }
}

function reasonOf({ where }: Script, result: ScriptFailure): string {
  const place = result.line === undefined ? where : `${where}:${result.line}`;
  return `${place}: ${result.kind === 'stopped' ? `stopped, out of ${result.reason}` : result.message}`;
}
