import { namesOf } from '@really/protocol';
import type { Bus } from '../bus/bus.js';
import { PrivilegedContexts } from '../commands/privileged-contexts.js';
import type { Services } from '../commands/services.js';
import { type CascadeEntry, cascades, readCascadeEntry } from '../commands/write/cascade-entry.js';
import type { DeadLetters } from '../jobs/dead-letters.js';
import { jobOwner } from '../jobs/job-owner.js';
import { type Job, type JobOutcome, JobQueue, type JobReport } from '../jobs/job-queue.js';
import { doubling, type RetryPolicy } from '../jobs/retry-policy.js';
import { type CascadeStep, deletionEffects } from '../model/deletion-effects.js';
import type { ModelSet } from '../model/model.js';
import { SystemRecords } from '../objects/system-records.js';
import type { Log } from '../platform/log.js';
import type { Counter, Metrics } from '../platform/metrics.js';
import { FairLimiter } from '../platform/scheduling/fair-limiter.js';
import { InFlight } from '../platform/scheduling/in-flight.js';
import { TickSlice } from '../platform/scheduling/tick-slice.js';
import {
  type CascadeState,
  fromTheFront,
  readState,
  stepsFrom,
  storedState,
} from './cascade-state.js';
import { type DependentOutcome, writeDependent } from './dependent-write.js';

export interface CascadesOptions {
  readonly services: Services;
  readonly bus: Bus;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly deadLetters: DeadLetters;
}

/** Objects that are read at once. */
const batch = 50;
/** Objects written at once, of all cascades: the writes of clients wait for no more than these. */
const writesAtOnce = 50;
/** Cascades in progress at once: most are small, and each waits for commits of its own. */
const concurrency = 16;

/** What is in the way is often another cascade; after a restart, it may have been mended. */
const retry: RetryPolicy = {
  delays: doubling(1000, 60_000),
  jitter: 0.5,
  attempts: 10,
  dueAtRestart: true,
};

const outcomes = { done: 'done', retried: 'again', 'given-up': 'dead' } as const;

/** A part of a cascade: objects that depend on the deleted one in one way. */
interface CascadePage {
  /** The step is of these. */
  readonly models: ModelSet;
  readonly step: CascadeStep;
  readonly rs: readonly string[];
  readonly next: string | undefined;
}

/**
 * What follows deletions (rules CAS2 to CAS6): deletes and updates the objects that depend on a
 * deleted one, in batches, until none is left. Nothing is remembered of those that are done, because
 * the store finds the others: after a crash it goes on with them. New ones cannot appear, because
 * what is created below a deleted object, or refers to it, is refused in its commit.
 *
 * An object that refuses is left behind; once nothing else moves, the whole is tried again with
 * growing delays, and becomes a dead letter.
 */
export class Cascades {
  readonly #options: CascadesOptions;
  readonly #contexts: PrivilegedContexts;
  readonly #records: SystemRecords;
  readonly #queue: JobQueue;
  readonly #limiter: FairLimiter;
  readonly #runs: Counter;
  readonly #objects: Counter;

  constructor(options: CascadesOptions) {
    const { services, bus, log, metrics, deadLetters } = options;
    const { store, objects, platform } = services;
    this.#options = options;
    this.#contexts = new PrivilegedContexts(services);
    this.#records = new SystemRecords(objects);
    this.#limiter = new FairLimiter(
      { total: writesAtOnce, perOwner: writesAtOnce },
      { inFlight: new InFlight(), slice: new TickSlice(platform.clock) },
    );
    this.#queue = new JobQueue({
      ...{ store, objects, bus, platform, log, concurrency, retry },
      scope: { names: [cascades], parents: [] },
      ownerOf: ({ data }) => jobOwner(data),
      run: (job) => this.#run(job),
      report: (job, report) => this.#report(job, report),
      moveToDeadLetters: (job, why) => deadLetters.add({ ...deadLetterOf(job), ...why }),
    });
    metrics.observe(
      'really_cascades_pending',
      'Deletions whose dependents are not all deleted or updated yet.',
      () => this.#queue.pending,
    );
    this.#runs = metrics.counter(
      'really_cascades_total',
      'Cascades of deletions: done, to be retried, or given up as dead letters.',
      ['outcome'],
    );
    this.#objects = metrics.counter(
      'really_cascade_objects_total',
      'Objects that depend on a deleted one: deleted, updated, or left unchanged because the change was refused.',
      ['outcome'],
    );
    for (const outcome of ['delete', 'unset', 'stuck']) this.#objects.add(0, outcome);
  }

  /** Goes on with what an earlier run of the server left. Never rejects. */
  async start(): Promise<void> {
    const unfinished = await this.#queue.start();
    if (unfinished === 0) return;
    const which = unfinished === 1 ? 'a deletion is' : `${unfinished} deletions are`;
    this.#options.log.info(
      { unfinished },
      `${which} unfinished: what depends on the deleted objects is deleted or updated now`,
    );
  }

  /** Finishes the batches in progress; the rest stays for the next start. */
  async close(): Promise<void> {
    await this.#queue.close();
  }

  async #run(job: Job): Promise<JobOutcome> {
    const entry = readCascadeEntry(job.data);
    if (!entry) return { kind: 'skipped' };
    const state = readState(job.data);
    const page = await this.#nextPage(entry, state);
    if (!page) return await this.#endPass(job, state);
    return await this.#settle(job, state, page, await this.#write(entry, page));
  }

  /** The next objects that depend on the deleted one, as the models of now say. */
  async #nextPage({ r }: CascadeEntry, state: CascadeState): Promise<CascadePage | undefined> {
    const { services } = this.#options;
    const { store, migrations, limits } = services;
    const models = services.models();
    const model = models.get(namesOf(r));
    const steps = model ? deletionEffects(models, model).steps : [];
    for (const { step, after } of stepsFrom(steps, state)) {
      const { dependency } = step;
      if (dependency.field !== undefined) await migrations?.settled(step.model, limits.queryTime);
      const { rs, next } = await store.dependents(r, dependency, { after, limit: batch });
      if (rs.length > 0) return { models, step, rs, next };
    }
    return undefined;
  }

  /** In turn with those of other cascades. */
  async #write(
    entry: CascadeEntry,
    { models, step, rs }: CascadePage,
  ): Promise<readonly DependentOutcome[]> {
    const { r: target, auth, chain } = entry;
    const cause = causeOf(entry, step);
    const more = { hookDepth: chain, cause, owner: jobOwner(entry) };
    const context = this.#contexts.ofCascade(auth, more);
    const isCurrent = () => this.#options.services.models() === models;
    const write = (r: string) => writeDependent(context, step, { r, target, isCurrent });
    return await Promise.all(rs.map((r) => this.#limiter.schedule(entry, () => write(r))));
  }

  async #settle(
    job: Job,
    state: CascadeState,
    { step, rs, next }: CascadePage,
    found: readonly DependentOutcome[],
  ): Promise<JobOutcome> {
    const done = found.filter(({ kind }) => kind === 'done').length;
    this.#objects.add(done, step.action);
    const busy = found.find((outcome) => outcome.kind === 'busy');
    if (busy) return { kind: 'postponed', ms: busy.retryAfter * 1000 };
    if (done === rs.length && state.step === undefined) return { kind: 'continued' };
    const stuck = found.flatMap((outcome, index) => {
      return outcome.kind === 'stuck' ? [`${rs[index]}: ${outcome.reason}`] : [];
    });
    this.#objects.add(stuck.length, 'stuck');
    const reached: CascadeState = {
      step: step.key,
      after: next,
      stuck: state.stuck + stuck.length,
      why: state.why ?? stuck[0],
      moved: state.moved || done > 0,
    };
    await this.#store(job, reached);
    return done > 0 ? { kind: 'continued' } : { kind: 'postponed', ms: 0 };
  }

  /** Nothing is left but what was left behind. */
  async #endPass(job: Job, { stuck, why, moved }: CascadeState): Promise<JobOutcome> {
    if (stuck === 0) return { kind: 'done' };
    await this.#store(job, fromTheFront);
    // What was done since may have been what stood in the way.
    if (moved) return { kind: 'continued' };
    const what = stuck === 1 ? 'an object stays' : `${stuck} objects stay`;
    return { kind: 'failed', reason: `${what}: ${why}` };
  }

  /** Attempts stay as they are: a pass that did nothing is no progress. */
  async #store({ r }: Job, state: CascadeState): Promise<void> {
    await this.#records.put(r, (held) => {
      if (!held) throw new Error(`${r} was erased while it ran`);
      return { ...held, state: storedState(state) };
    });
  }

  #report({ data }: Job, report: JobReport): void {
    if (report.kind === 'continued') return;
    this.#runs.add(1, outcomes[report.kind]);
    if (report.kind !== 'retried') return;
    const { attempts, failure } = report;
    this.#options.log.warn(
      { r: data.r, attempts, reason: failure.reason },
      'what depends on a deleted object cannot all be deleted or updated; it will be retried',
    );
  }
}

/**
 * The deletion that the change is said to follow from: one that its object shows, in its address or
 * in the field, so that nobody learns from it what they may not see. `undefined` where the field
 * may be hidden (rule CAS4).
 */
function causeOf(
  { r, cause }: CascadeEntry,
  { dependency: { field }, model: { hides } }: CascadeStep,
): string | undefined {
  if (field === undefined) return cause;
  if (hides === 'any') return undefined;
  const steps = field.replaceAll('[]', '').split('.');
  const isHidden = steps.some((_, index) => hides.has(steps.slice(0, index + 1).join('.')));
  return isHidden ? undefined : r;
}

function deadLetterOf({ r, data }: Job) {
  const about = typeof data.r === 'string' ? data.r : '';
  const { state: _state, ...work } = data;
  return { kind: 'cascade', from: r, about, what: 'the cascade', work } as const;
}
