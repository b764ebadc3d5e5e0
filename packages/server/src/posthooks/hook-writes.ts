import { type JsonValue, ProtocolError } from '@really/protocol';
import { Type } from '@really/protocol/schema';
import type { PrivilegedContexts } from '../commands/privileged-contexts.js';
import type { Services } from '../commands/services.js';
import { HookDepthExceeded, type OutboxEntry } from '../commands/write/outbox-entry.js';
import { jobOwner } from '../jobs/job-owner.js';
import { isStoreDown, type Job, type JobOutcome, type JobQueue } from '../jobs/job-queue.js';
import type { ScriptEffect } from '../model/hook-state.js';
import { requestOf, systemCreation } from '../objects/system-records.js';
import type { WriteRequest } from '../objects/write-request.js';
import { fits } from '../platform/record-schema.js';
import { describeFailure, type EffectStep, stepOf } from './effects.js';

/** Effects that are written together: as many as a batch may have commands. */
export const effectsTogether = 100;

/** Runs whose effects may be on disk in parts, besides those that an earlier process left. */
const mostSpread = 16;
/** Those of one owner. */
const mostSpreadOfOwner = 12;
/** Milliseconds until a run is executed again that found as many. */
const spreadRetry = 1000;

export interface HookWritesOptions {
  readonly services: Services;
  readonly contexts: PrivilegedContexts;
  /** Creates the deliveries of an event, one for each endpoint that wants it. */
  readonly deliveries: (event: HookEvent) => WriteRequest[];
  readonly progress: JobQueue['progress'];
}

/** An event that a hook emitted. */
export interface HookEvent {
  readonly name: string;
  readonly data: JsonValue;
  /** The object that the hook ran for. */
  readonly r: string;
  /** When the object was written, milliseconds since the Unix epoch. */
  readonly at: number;
  /** Who the delivery counts for: see `jobOwner`. */
  readonly owner: string;
}

type Committed =
  | { readonly kind: 'committed' | 'too-large' }
  | {
      readonly kind: 'refused';
      readonly effect: ScriptEffect | undefined;
      readonly error: unknown;
    };

/**
 * Writes what a post hook asked for, each effect once (rule POST4). Up to a hundred effects are
 * committed with the end of the run's entry. More are first committed as parts of the entry (records
 * of up to a hundred); then each part is committed with its own end, in a turn of its own.
 */
export class HookWrites {
  readonly #options: HookWritesOptions;
  /** Rs of the entries with parts, or whose parts are being stored, with their owners. */
  readonly #spread = new Map<string, string>();

  constructor(options: HookWritesOptions) {
    this.#options = options;
  }

  /** Writes the effects of a run. */
  async write(job: Job, entry: OutboxEntry, effects: readonly ScriptEffect[]): Promise<JobOutcome> {
    if (effects.length <= effectsTogether) {
      const result = await this.#commit(entry, effects, { requests: [], erases: [job.r] });
      if (result.kind === 'committed') return { kind: 'erased' };
      if (result.kind === 'refused') return failureOf(result.effect, result.error);
      if (effects.length < 2) return tooLarge;
    }
    return await this.#spreadOut(job, jobOwner(entry), effects);
  }

  /** Writes the next part of a run whose effects are in parts. */
  async writePart(
    job: Job,
    entry: OutboxEntry,
    [part = '', ...others]: readonly string[],
  ): Promise<JobOutcome> {
    const owner = jobOwner(entry);
    this.#spread.set(job.r, owner);
    const record = await this.#options.services.objects.head(part);
    const data = record && !record.deleted ? record.data : undefined;
    if (!data || !fits(partSchema, data)) {
      return { kind: 'failed', reason: `it has lost its part ${part}`, final: true };
    }
    const effects = await this.#lasting(JSON.parse(data.effects) as readonly ScriptEffect[], owner);
    const isLast = others.length === 0;
    const result = await this.#commit(entry, effects, {
      requests: isLast ? [] : [this.#options.progress(job, { parts: others })],
      erases: isLast ? [part, job.r] : [part],
    });
    if (result.kind === 'refused') return await this.#refused(result, owner);
    if (result.kind === 'committed') {
      if (!isLast) return { kind: 'continued' };
      this.#spread.delete(job.r);
      return { kind: 'erased' };
    }
    if (effects.length < 2) return tooLarge;
    const halves = inParts(effects, Math.ceil(effects.length / 2));
    return await this.#store(job, halves, { parts: others, erases: [part] });
  }

  /** The run of this entry is over, with or without success. */
  forget(r: string): void {
    this.#spread.delete(r);
  }

  /** Commits effects as parts of their entry. */
  async #spreadOut(job: Job, owner: string, effects: readonly ScriptEffect[]): Promise<JobOutcome> {
    const own = [...this.#spread.values()].filter((other) => other === owner).length;
    const isFull = this.#spread.size >= mostSpread || own >= mostSpreadOfOwner;
    if (isFull) return { kind: 'postponed', ms: spreadRetry };
    this.#spread.set(job.r, owner);
    const size = Math.min(effectsTogether, Math.ceil(effects.length / 2));
    let isStored = false;
    try {
      const outcome = await this.#store(job, inParts(effects, size), { parts: [], erases: [] });
      isStored = outcome.kind === 'continued';
      return outcome;
    } finally {
      // It is executed again: until then others may have its place.
      if (!isStored) this.#spread.delete(job.r);
    }
  }

  /** Stores effects as parts of their entry, before `rest.parts`. */
  async #store(
    job: Job,
    parts: readonly (readonly ScriptEffect[])[],
    rest: { readonly parts: readonly string[]; readonly erases: readonly string[] },
  ): Promise<JobOutcome> {
    const { objects } = this.#options.services;
    const writes = parts.map((effects) => {
      const r = `/${partsOfOutbox}/${objects.newId()}`;
      return systemCreation(r, { effects: JSON.stringify(effects) }, objects.changeTime());
    });
    const all = [...writes.map(({ object }) => object.r), ...rest.parts];
    const progress = this.#options.progress(job, { parts: all });
    const requests = [progress, ...writes.map(requestOf)];
    const result = await objects.writeAll(requests, { erases: rest.erases });
    if (result.kind === 'committed') return { kind: 'continued' };
    if (result.kind === 'refused') throw result.error;
    return tooLarge;
  }

  /**
   * Without updates and deletions of objects that were deleted since the hook ran: there is nothing
   * left to do, and the hook is not executed again to learn of it.
   */
  async #lasting(
    effects: readonly ScriptEffect[],
    owner: string,
  ): Promise<readonly ScriptEffect[]> {
    const { objects } = this.#options.services;
    const rs = effects.map(([, r]) => r);
    // Each may be a megabyte.
    const heads = await objects.heads(rs, () => objects.timeFor(owner));
    return effects.filter(([kind], index) => {
      return (kind !== 'update' && kind !== 'remove') || !heads[index]?.deleted;
    });
  }

  /** A part that was refused because an object was deleted just now is written without it. */
  async #refused(
    { effect, error }: Extract<Committed, { kind: 'refused' }>,
    owner: string,
  ): Promise<JobOutcome> {
    const isGone = error instanceof ProtocolError && error.code === 410;
    if (effect && isGone && (await this.#lasting([effect], owner)).length === 0) {
      return { kind: 'continued' };
    }
    return failureOf(effect, error);
  }

  /** Commits effects together with the end of their entry or part, all or none. */
  async #commit(
    entry: OutboxEntry,
    effects: readonly ScriptEffect[],
    { requests, erases }: { requests: readonly WriteRequest[]; erases: readonly string[] },
  ): Promise<Committed> {
    const steps: EffectWrite[] = [];
    for (const effect of effects) {
      try {
        steps.push(...this.#stepsOf(entry, effect));
      } catch (error) {
        return { kind: 'refused', effect, error };
      }
    }
    const { objects } = this.#options.services;
    const all = [...steps.map(({ step }) => step.request()), ...requests];
    const result = await objects.writeAll(all, { erases, owner: jobOwner(entry) });
    switch (result.kind) {
      case 'committed':
      case 'repeated':
        return { kind: 'committed' };
      case 'too-large':
        return result;
      case 'refused':
        return { kind: 'refused', effect: steps[result.index]?.effect, error: result.error };
      default: {
        const refused = steps[result.index];
        // The entry is gone: another node did its work.
        if (!refused) return { kind: 'committed' };
        const { effect, step } = refused;
        return { kind: 'refused', effect, error: step.refusal?.(result) ?? result.kind };
      }
    }
  }

  #stepsOf(entry: OutboxEntry, effect: ScriptEffect): EffectWrite[] {
    const [kind, name, value] = effect;
    if (kind !== 'emit') {
      const context = this.#options.contexts.ofHook(entry.chain + 1, jobOwner(entry));
      return [{ effect, step: stepOf(context, [kind, name, value]) }];
    }
    const event = { name, data: value, r: entry.r, at: entry.at, owner: jobOwner(entry) };
    const deliveries = this.#options.deliveries(event);
    return deliveries.map((request) => ({ effect, step: { request: () => request } }));
  }
}

/** The names of the collection of parts. */
const partsOfOutbox = '_outbox-parts';

/** As text, which is no larger in memory than on disk. */
const partSchema = Type.Object({ effects: Type.String() });

interface EffectWrite {
  readonly effect: ScriptEffect;
  readonly step: Pick<EffectStep, 'request'> & Partial<EffectStep>;
}

function inParts<T>(list: readonly T[], size: number): T[][] {
  const parts: T[][] = [];
  for (let index = 0; index < list.length; index += size) {
    parts.push(list.slice(index, index + size));
  }
  return parts;
}

const tooLarge: JobOutcome = {
  kind: 'failed',
  reason: 'its writes are too large for one commit',
  final: true,
};

/** Throws where the store was unavailable: that is no fault of the hook. */
function failureOf(effect: ScriptEffect | undefined, error: unknown): JobOutcome {
  if (isStoreDown(error)) throw error;
  const reason = effect ? describeFailure(effect, error) : `${error}`;
  return { kind: 'failed', reason, final: error instanceof HookDepthExceeded };
}
