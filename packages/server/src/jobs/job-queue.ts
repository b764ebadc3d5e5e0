import { idOf, type JsonObject, ProtocolError } from '@really/protocol';
import type { Objects } from '../objects/objects.js';
import { requestOf, SystemRecords, systemCreation } from '../objects/system-records.js';
import type { WriteAllOptions, WriteAllResult, WriteRequest } from '../objects/write-request.js';
import { StoreUnavailable } from '../store/store-errors.js';
import type { StoredObject } from '../store/stored-object.js';
import type { DeadLetter } from './dead-letters.js';
import {
  collectionR,
  DurableQueue,
  type DurableQueueOptions,
  type QueueAttempt,
  storeRetry,
} from './durable-queue.js';
import { delayAfter, type RetryPolicy } from './retry-policy.js';

/** A stored entry of a queue, as it is run. */
export interface Job {
  readonly r: string;
  /** The last part of `r`: the same at every attempt. */
  readonly id: string;
  readonly data: JsonObject;
  /** Failed attempts so far, since it last made progress. */
  readonly attempts: number;
}

/** Why an attempt failed. */
export interface JobFailure {
  /** For operators. It is stored with the entry, and with the dead letter. */
  readonly reason: string;
  /** A retry would fail again: the job is given up. */
  readonly final?: boolean | undefined;
  /** Milliseconds until the next attempt at least. */
  readonly pause?: number | undefined;
  /** What was thrown, for the log. */
  readonly error?: unknown;
}

/** The outcome of an attempt. */
export type JobOutcome =
  /** The queue erases the entry; later, without another attempt, if the store is unavailable. */
  | { readonly kind: 'done' }
  /** The job erased its entry, together with what it wrote: so it happened once. */
  | { readonly kind: 'erased' }
  /**
   * A part is done, and stored. The job runs again once others had their turn, with `attempts`
   * from 0: see `JobQueue` on long jobs.
   */
  | { readonly kind: 'continued' }
  /** Not an attempt: it runs again after so many milliseconds. */
  | { readonly kind: 'postponed'; readonly ms: number }
  | ({ readonly kind: 'failed' } & JobFailure)
  /** This version cannot read it: it stays stored, for a version that can. */
  | { readonly kind: 'skipped' };

/** What became of an attempt, for metrics and logs. */
export type JobReport =
  | { readonly kind: 'done' }
  | { readonly kind: 'continued' }
  /** It is tried again, or given up. `attempts` counts this one. */
  | {
      readonly kind: 'retried' | 'given-up';
      readonly attempts: number;
      readonly failure: JobFailure;
    };

export interface JobQueueOptions extends Omit<DurableQueueOptions, 'notBefore' | 'work'> {
  readonly objects: Objects;
  readonly retry: RetryPolicy | ((job: Job) => RetryPolicy);
  /** Makes one attempt. What it throws is logged as a bug, and the job runs again in a second. */
  readonly run: (job: Job) => Promise<JobOutcome>;
  readonly report?: ((job: Job, report: JobReport) => void) | undefined;
  /** Turns a job that is given up into a dead letter; without it, its entry is erased. */
  readonly moveToDeadLetters?:
    | ((job: Job, why: Pick<DeadLetter, 'attempts' | 'reason'>) => Promise<void>)
    | undefined;
  /** Called with the R of each job that will not run again: done, given up, or erased by others. */
  readonly ended?: ((r: string) => void) | undefined;
}

/**
 * Work that follows a commit, and is done at least once, also after a crash. An entry is an object
 * of a system collection (`/_outbox/<id>`), committed together with what the work follows from; it
 * is erased when the work is done. What happens at a failure is in one `RetryPolicy`: delays, the
 * number of attempts, the age. `attempts`, `due` and `reason` of the last failure are stored with
 * the entry, beside the data of the job, so that they outlive the process.
 *
 * **To add a job:** `write` commits requests and their jobs. Where the request is prepared elsewhere
 * (a command), put `systemCreation(r, data, at)` of an `r` in the collection, with an id from
 * `Objects.newId`, into its `sideWrites`: the bus brings it to the queue.
 *
 * **To write something exactly once:** have `run` commit it together with the erasure of its entry
 * (`objects.writeAll(requests, { erases: [job.r] })`) and return `erased`.
 *
 * **Long jobs** do a part in each run. A run that can find out what is left (the children that
 * still exist) does a batch, returns `continued`, and `done` when it found nothing: it needs no
 * cursor, and a crash costs at most the batch in progress. A run that has to know how far it came
 * commits `progress(job, { … })` together with the part, and returns `continued`. That sets
 * `attempts` back to 0: only a job that stands still is given up.
 *
 * **For operators:** `pending` and `working` are for metrics of the owner; `start` resolves with the
 * number of unfinished jobs, to be logged.
 */
export class JobQueue {
  readonly #options: JobQueueOptions;
  readonly #queue: DurableQueue;
  readonly #records: SystemRecords;
  /** Jobs that are done or given up, whose entries could not be erased yet. */
  readonly #finished = new Set<string>();

  constructor(options: JobQueueOptions) {
    this.#options = options;
    this.#records = new SystemRecords(options.objects);
    this.#queue = new DurableQueue({
      ...options,
      notBefore: (entry) => this.#notBefore(jobOf(entry)),
      work: async (r) => {
        const attempt = await this.#work(r);
        if (attempt.kind === 'done') options.ended?.(r);
        return attempt;
      },
    });
  }

  /** Jobs that wait or run, also those that are only stored: approximate until `start` resolved. */
  get pending(): number {
    return this.#queue.pending;
  }

  /** See `DurableQueue.isFullFor`. */
  isFullFor(owner: string, limit: number): boolean {
    return this.#queue.isFullFor(owner, limit);
  }

  /** Jobs that run. */
  get working(): number {
    return this.#queue.working;
  }

  /**
   * Resumes what an earlier process left. Resolves with the number of its jobs when the first of
   * them run. Never rejects: an unavailable store is read again.
   */
  async start(): Promise<number> {
    return await this.#queue.start();
  }

  /** Begins no more jobs. Resolves when none is running. */
  async close(): Promise<void> {
    await this.#queue.close();
  }

  /**
   * Writes the requests and a job for each of `jobs`, all or none. Resolves when they are on disk,
   * and each urgent job was tried once. Rejects as `Objects.writeAll`.
   */
  async write(
    requests: readonly WriteRequest[],
    jobs: readonly JsonObject[],
    options: Pick<WriteAllOptions, 'erases'> = {},
  ): Promise<WriteAllResult> {
    const { scope, objects } = this.#options;
    const creations = jobs.map((data) => {
      return systemCreation(`${collectionR(scope)}${objects.newId()}`, data, objects.changeTime());
    });
    const added = this.#queue.expect(creations.map(({ object }) => object));
    let result: WriteAllResult | undefined;
    try {
      result = await objects.writeAll([...requests, ...creations.map(requestOf)], options);
      return result;
    } finally {
      await added(result?.kind === 'committed');
    }
  }

  /** The write that stores how far a job came: to be committed together with that part of it. */
  progress({ r }: Job, progress: JsonObject): WriteRequest {
    return this.#records.request(r, (held) => {
      const { attempts: _attempts, due: _due, reason: _reason, ...data } = held ?? gone(r);
      return { ...data, ...progress };
    });
  }

  #policyOf(job: Job): RetryPolicy {
    const { retry } = this.#options;
    return typeof retry === 'function' ? retry(job) : retry;
  }

  /**
   * Milliseconds until it may run; never more than the longest delay, whatever happened to the
   * clock.
   */
  #notBefore(job: Job): number {
    const { delays, dueAtRestart } = this.#policyOf(job);
    const { due } = job.data;
    if (dueAtRestart || typeof due !== 'number') return 0;
    return Math.min(due - this.#options.platform.clock.now(), Math.max(...delays));
  }

  async #work(r: string): Promise<QueueAttempt> {
    try {
      if (this.#finished.has(r)) return await this.#erase(r);
      const stored = await this.#options.objects.head(r);
      // Another node was faster, or the entry was dropped.
      if (!stored || stored.deleted) return { kind: 'done' };
      const job = jobOf(stored);
      return await this.#settle(job, await this.#attempt(job));
    } catch (error) {
      if (!isStoreDown(error)) throw error;
      // Not a failed attempt.
      return { kind: 'retry', after: storeRetry };
    }
  }

  async #attempt(job: Job): Promise<JobOutcome> {
    const { age = Number.POSITIVE_INFINITY } = this.#policyOf(job);
    const { at } = job.data;
    const isOld = typeof at === 'number' && this.#options.platform.clock.now() - at > age;
    if (isOld) return { kind: 'failed', reason: 'it is too old', final: true };
    return await this.#options.run(job);
  }

  async #settle(job: Job, outcome: JobOutcome): Promise<QueueAttempt> {
    switch (outcome.kind) {
      case 'done':
        this.#options.report?.(job, { kind: 'done' });
        return await this.#finish(job.r);
      case 'erased':
        this.#options.report?.(job, { kind: 'done' });
        return { kind: 'done' };
      case 'continued':
        this.#options.report?.(job, { kind: 'continued' });
        if (job.attempts > 0) await this.#options.objects.write(this.progress(job, {}));
        return { kind: 'retry', after: 0 };
      case 'postponed':
        return { kind: 'retry', after: outcome.ms };
      case 'failed':
        return await this.#failed(job, outcome);
      case 'skipped':
        this.#options.log.error({ r: job.r }, 'a job that this version does not know is skipped');
        return { kind: 'done' };
      default:
        return outcome satisfies never;
    }
  }

  async #failed(job: Job, failure: JobFailure): Promise<QueueAttempt> {
    const { platform, report, moveToDeadLetters } = this.#options;
    const { reason, pause = 0, final } = failure;
    const attempts = job.attempts + 1;
    const delay = delayAfter(attempts, this.#policyOf(job), platform.random);
    if (delay !== undefined && !final) {
      report?.(job, { kind: 'retried', attempts, failure });
      return await this.#retry(job.r, { attempts, reason }, Math.max(pause, delay));
    }
    await moveToDeadLetters?.(job, { attempts, reason });
    report?.(job, { kind: 'given-up', attempts, failure });
    return moveToDeadLetters ? { kind: 'done' } : await this.#finish(job.r);
  }

  /** If it cannot be stored, the attempt does not count after a crash. */
  async #retry(
    r: string,
    { attempts, reason }: { attempts: number; reason: string },
    after: number,
  ): Promise<QueueAttempt> {
    const due = Math.ceil(this.#options.platform.clock.now() + after);
    try {
      await this.#records.put(r, (held) => ({ ...(held ?? gone(r)), attempts, due, reason }));
    } catch (error) {
      if (error instanceof EntryGone) return { kind: 'done' };
      if (!isStoreDown(error)) throw error;
    }
    return { kind: 'retry', after };
  }

  async #finish(r: string): Promise<QueueAttempt> {
    this.#finished.add(r);
    return await this.#erase(r);
  }

  async #erase(r: string): Promise<QueueAttempt> {
    await this.#options.objects.writeAll([], { erases: [r] });
    this.#finished.delete(r);
    return { kind: 'done' };
  }
}

/** The entry was erased meanwhile. */
class EntryGone extends Error {
  override readonly name = 'EntryGone';
}

function gone(r: string): never {
  throw new EntryGone(`${r} was erased`);
}

function jobOf({ r, data }: StoredObject): Job {
  const { attempts } = data;
  return { r, id: idOf(r), data, attempts: typeof attempts === 'number' ? attempts : 0 };
}

/** True where the store was unavailable. */
export function isStoreDown(error: unknown): boolean {
  if (error instanceof StoreUnavailable) return true;
  return error instanceof ProtocolError && error.message === 'server.unavailable';
}
