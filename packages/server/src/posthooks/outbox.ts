import type { JsonObject, JsonValue, ProtocolError } from '@really/protocol';
import type { Bus } from '../bus/bus.js';
import type { Services } from '../commands/services.js';
import {
  HookDepthExceeded,
  type OutboxEntry,
  outbox,
  readEntry,
} from '../commands/write/outbox.js';
import { plainAuth } from '../model/hooks.js';
import type { Script, ScriptEffect, ScriptResult } from '../model/model.js';
import type { CommitRefusal, WriteRequest } from '../objects/write-request.js';
import type { Log } from '../platform/log.js';
import type { Counter, Metrics } from '../platform/metrics.js';
import type { StoredObject } from '../store/store.js';
import type { DeadLetters } from './dead-letters.js';
import { DurableQueue, type QueueAttempt } from './durable-queue.js';
import { describeFailure, type EffectStep, stepOf } from './effects.js';
import { HookContext } from './hook-context.js';
import { isStoreDown, Retries } from './retries.js';

export interface OutboxOptions {
  readonly services: Services;
  readonly bus: Bus;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly deadLetters: DeadLetters;
  /** Creates the deliveries of an event, one for each endpoint that wants it. */
  readonly deliveries: (event: HookEvent) => WriteRequest[];
  readonly attempts: number;
}

/** An event that a hook emitted. */
export interface HookEvent {
  readonly name: string;
  readonly data: JsonValue;
  /** The object that the hook ran for. */
  readonly r: string;
  /** When the object was written, milliseconds since the Unix epoch. */
  readonly at: number;
}

/** Why an attempt failed. */
interface HookFailure {
  readonly reason: string;
  /** A retry would fail again. */
  readonly final?: boolean | undefined;
}

const concurrency = 16;
const window = 10_000;

/**
 * Runs post hooks: each entry of the outbox once its write is committed, those of an object in
 * order. The writes of a hook are committed together with the removal of its entry, all or none: so
 * they happen once, however often the hook had to run.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #hookContext: HookContext;
  readonly #queue: DurableQueue;
  readonly #retries: Retries;
  readonly #runs: Counter;

  constructor(options: OutboxOptions) {
    const { services, bus, log, metrics } = options;
    const { store, platform } = services;
    this.#options = options;
    this.#hookContext = new HookContext(services, log);
    this.#retries = new Retries({
      objects: services.objects,
      platform,
      backoff: { first: 1000, longest: 60_000 },
    });
    this.#queue = new DurableQueue({
      ...{ store, bus, platform, log, concurrency, window },
      scope: { names: [outbox], parents: [] },
      orderingKey: ({ data, r }) => (typeof data.r === 'string' ? data.r : r),
      notBefore: (entry) => this.#retries.notBefore(entry),
      work: (r) => this.#work(r),
    });
    this.#runs = metrics.counter(
      'really_post_hooks_total',
      'Runs of post hooks: done, to be retried, or given up as dead letters.',
      ['outcome'],
    );
    metrics.observe(
      'really_post_hooks_pending',
      'Runs of post hooks that wait or are in progress.',
      () => {
        return this.#queue.pending;
      },
    );
    metrics.observe('really_post_hooks_running', 'Post hooks that are running.', () => {
      return this.#queue.working;
    });
  }

  /** Runs that wait or are in progress. */
  get pending(): number {
    return this.#queue.pending;
  }

  start(): void {
    this.#queue.start();
  }

  async close(): Promise<void> {
    await this.#queue.close();
  }

  async #work(r: string): Promise<QueueAttempt> {
    const { objects } = this.#options.services;
    const stored = await objects.head(r);
    // Another node was faster, or the entry was dropped.
    if (!stored || stored.deleted) return { kind: 'done' };
    const entry = readEntry(stored.data);
    const failure = entry
      ? await this.#run(stored, entry)
      : { reason: 'no entry that this version can read', final: true };
    if (failure === 'store-down') return this.#retries.storeDown();
    if (!failure) {
      this.#runs.add(1, 'done');
      return { kind: 'done' };
    }
    return await this.#failed(stored, failure);
  }

  /** Resolves to `undefined` where all is done, and the entry erased. */
  async #run(
    stored: StoredObject,
    entry: OutboxEntry,
  ): Promise<HookFailure | 'store-down' | undefined> {
    const model = this.#options.services.models().get(entry.model.split('/'));
    const hook = model?.hooks[entry.hook];
    // The app has no such hook any more.
    if (!model || !hook) return await this.#finish(stored.r, [], []);
    const result = await hook.run(scopeOf(entry));
    if (result.kind !== 'returned') {
      const isFailure = result.kind === 'threw' || result.kind === 'stopped';
      if (isFailure) model.onScriptFailure(hook.where, result);
      return { reason: reasonOf(hook, result) };
    }
    return await this.#apply(stored.r, entry, result.effects ?? []);
  }

  async #apply(
    r: string,
    entry: OutboxEntry,
    effects: readonly ScriptEffect[],
  ): Promise<HookFailure | 'store-down' | undefined> {
    const context = this.#hookContext.at(entry.chain + 1);
    const steps: EffectWrite[] = [];
    for (const effect of effects) {
      try {
        steps.push(...this.#stepsOf(context, entry, effect));
      } catch (error) {
        return failureOf(effect, error);
      }
    }
    const requests = steps.map(({ request }) => request());
    return await this.#finish(r, requests, steps);
  }

  #stepsOf(
    context: Parameters<typeof stepOf>[0],
    entry: OutboxEntry,
    effect: ScriptEffect,
  ): EffectWrite[] {
    const [kind, name, value] = effect;
    if (kind !== 'emit') {
      const step: EffectStep = stepOf(context, [kind, name, value]);
      return [{ effect, request: () => step.request(), refusal: (found) => step.refusal(found) }];
    }
    const event = { name, data: value, r: entry.r, at: entry.at };
    return this.#options.deliveries(event).map((request) => ({ effect, request: () => request }));
  }

  /** Commits the hook's writes and the removal of the entry, all or none. */
  async #finish(
    r: string,
    requests: readonly WriteRequest[],
    steps: readonly EffectWrite[],
  ): Promise<HookFailure | 'store-down' | undefined> {
    try {
      const { objects } = this.#options.services;
      const result = await objects.writeAll(requests, { erases: [r] });
      switch (result.kind) {
        case 'committed':
        case 'repeated':
          return undefined;
        case 'too-large':
          return { reason: 'its writes are too large for one commit', final: true };
        case 'refused':
          return failureOf(steps[result.index]?.effect, result.error);
        default: {
          const step = steps[result.index];
          // The entry is gone: another node did its work.
          if (!step) return undefined;
          return failureOf(step.effect, step.refusal?.(result) ?? result.kind);
        }
      }
    } catch (error) {
      if (isStoreDown(error)) return 'store-down';
      throw error;
    }
  }

  async #failed(stored: StoredObject, { reason, final }: HookFailure): Promise<QueueAttempt> {
    const attempts = this.#retries.attemptsOf(stored) + 1;
    if (!final && attempts < this.#options.attempts) {
      this.#runs.add(1, 'again');
      return await this.#retries.schedule(stored, attempts, reason);
    }
    const { data, r } = stored;
    await this.#options.deadLetters.add({
      kind: 'hook',
      from: r,
      about: typeof data.r === 'string' ? data.r : '',
      what: `${data.model} ${data.hook}`,
      attempts,
      reason,
      work: data,
    });
    this.#runs.add(1, 'dead');
    return { kind: 'done' };
  }
}

interface EffectWrite {
  readonly effect: ScriptEffect;
  readonly request: () => WriteRequest;
  readonly refusal?: ((found: CommitRefusal) => ProtocolError) | undefined;
}

function failureOf(effect: ScriptEffect | undefined, error: unknown): HookFailure | 'store-down' {
  if (isStoreDown(error)) return 'store-down';
  const reason = effect ? describeFailure(effect, error) : `${error}`;
  return { reason, final: error instanceof HookDepthExceeded };
}

/** The variables of a post hook: all names exist, whatever the hook. */
function scopeOf(entry: OutboxEntry): Record<string, JsonValue | undefined> {
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

function reasonOf({ where }: Script, result: Exclude<ScriptResult, { kind: 'returned' }>): string {
  if (result.kind === 'cancelled') return `${where}: it cancelled`;
  if (result.kind === 'refused') return `${where}: it did not run, beyond ${result.bound}`;
  const place = result.line === undefined ? where : `${where}:${result.line}`;
  return `${place}: ${result.kind === 'stopped' ? `stopped, out of ${result.reason}` : result.message}`;
}
