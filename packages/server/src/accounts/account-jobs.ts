import { fail } from '@really/protocol';
import { createWrite } from '../objects/change.js';
import type { Objects } from '../objects/objects.js';
import type { SystemRecords } from '../objects/system-records.js';
import type { WriteAllOptions, WriteAllResult, WriteRequest } from '../objects/write-request.js';
import type { Log } from '../platform/log.js';
import { type Counter, type Metrics, noMetrics } from '../platform/metrics.js';
import type { Platform } from '../platform/platform.js';
import { Deadlines } from '../platform/scheduling/deadlines.js';
import type { Store } from '../store/store.js';
import {
  type AccountJob,
  jobRecord,
  jobsCollection,
  readJob,
  type StoredAccountJob,
} from './account-job.js';

export interface AccountJobsOptions {
  readonly objects: Objects;
  readonly records: SystemRecords;
  readonly store: Pick<Store, 'query'>;
  readonly platform: Platform;
  readonly log: Log;
  readonly metrics?: Metrics | undefined;
  /** Letters that may wait (rule MAIL5). */
  readonly limit: number;
  /** Does one. Rejects where it could not be done now, with a `Hopeless` where it never can. `id` is the same at every attempt. */
  readonly run: (job: AccountJob, about: { id: string; attempts: number }) => Promise<void>;
}

/** It makes no sense to try again. */
export class PermanentFailure extends Error {
  override readonly name = 'PermanentFailure';
}

class JobEntry {
  readonly r: string;
  readonly job: AccountJob;
  attempts: number;
  /** Done, or given up: only the record is left. */
  done = false;

  constructor(r: string, { job, attempts }: StoredAccountJob) {
    this.r = r;
    this.job = job;
    this.attempts = attempts;
  }

  get id(): string {
    return this.r.slice(this.r.lastIndexOf('/') + 1);
  }
}

/** Errands under way at once: whoever delivers letters has other work, too. */
const concurrency = 4;

const second = 1000;
const minute = 60 * second;

/** How long an errand rests after each attempt in vain; after the last it is given up. */
const retryDelays = [5, 15, 60, 300, 1200, 3600, 3600, 3600].map((seconds) => seconds * second);

/** Milliseconds that reading a page of what was left may take. */
const timeout = minute;
const page = 1000;

/**
 * What is to be done after an answer: on disk together with what it follows from, done soon, tried again
 * with ever longer rests, and again after a crash. So each is done at least once (rule MAIL4).
 */
export class AccountJobs {
  readonly #options: AccountJobsOptions;
  readonly #waiting: JobEntry[] = [];
  readonly #delayed: Deadlines;
  readonly #running = new Set<Promise<void>>();
  readonly #attempts: Counter;
  #size = 0;
  #closed = false;

  constructor(options: AccountJobsOptions) {
    const { platform, metrics = noMetrics } = options;
    this.#options = options;
    this.#delayed = new Deadlines({
      platform,
      clock: 'monotonic',
      due: (entry) => {
        if (entry instanceof JobEntry) this.#waiting.push(entry);
        this.#pump();
      },
    });
    metrics.observe('really_jobs', 'Letters and revocations to be done.', () => this.#size);
    this.#attempts = metrics.counter(
      'really_job_attempts_total',
      'Attempts to do what follows from an answer: letters and revocations.',
      ['kind', 'result'],
    );
  }

  /** True while no more letters are taken. */
  get full(): boolean {
    return this.#size >= this.#options.limit;
  }

  /** Takes up what was left undone. */
  async open(): Promise<void> {
    const scope = { names: [jobsCollection], parents: [] };
    const order = { field: '_r', descending: false };
    let from: { value: undefined; r: string } | undefined;
    for (;;) {
      const found = await this.#options.store.query({
        scope,
        order,
        from,
        limit: page,
        timeout,
      });
      for (const { r, data } of found) {
        const stored = readJob(data);
        if (stored) void this.#schedule(r, stored);
        else this.#options.log.error({ r }, 'an errand that this version does not know is left');
      }
      const last = found.at(-1);
      if (!last || found.length < page) return;
      from = { value: undefined, r: last.r };
    }
  }

  /** Refuses new letters with 503 while there are too many. */
  assertRoom(): void {
    if (this.full) throw fail('server.unavailable', undefined, { meta: { retryAfter: 10 } });
  }

  /**
   * Writes these and the errands that follow from them, all or none, and begins to do them. Resolves when they
   * are on disk, and the revocations among them were tried once.
   */
  async write(
    requests: readonly WriteRequest[],
    jobs: readonly AccountJob[],
    options: Pick<WriteAllOptions, 'erases'> = {},
  ): Promise<WriteAllResult> {
    const drafts = jobs.map((job) => this.#draft({ job, attempts: 0 }));
    const all = [...requests, ...drafts.map(({ request }) => request)];
    const result = await this.#options.objects.writeAll(all, options);
    if (result.kind === 'committed') {
      await Promise.all(drafts.map(({ r, stored }) => this.#schedule(r, stored)));
    }
    return result;
  }

  /** Begins nothing more. Resolves when nothing is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #draft(stored: StoredAccountJob): { r: string; stored: StoredAccountJob; request: WriteRequest } {
    const { objects } = this.#options;
    const r = `/${jobsCollection}/${objects.newId()}`;
    const request: WriteRequest = {
      r,
      fresh: true,
      prepare: () => {
        const origin = { by: { uid: '_system' }, at: objects.changeTime(), modelVersion: 0 };
        return createWrite(r, jobRecord(stored), origin);
      },
    };
    return { r, stored, request };
  }

  /** A revocation does not wait behind letters. Resolves when it was tried; with a letter at once. */
  async #schedule(r: string, stored: StoredAccountJob): Promise<void> {
    const entry = new JobEntry(r, stored);
    this.#size += 1;
    if (entry.job.kind === 'revoke') {
      await this.#begin(entry);
    } else {
      this.#waiting.push(entry);
      this.#pump();
    }
  }

  #pump(): void {
    while (!this.#closed && this.#running.size < concurrency) {
      const entry = this.#waiting.shift();
      if (!entry) return;
      void this.#begin(entry);
    }
  }

  #begin(entry: JobEntry): Promise<void> {
    const running: Promise<void> = this.#attempt(entry).finally(() => {
      this.#running.delete(running);
      this.#pump();
    });
    this.#running.add(running);
    return running;
  }

  /** Never rejects. */
  async #attempt(entry: JobEntry): Promise<void> {
    if (!entry.done) await this.#run(entry);
    if (entry.done) await this.#erase(entry);
  }

  async #run(entry: JobEntry): Promise<void> {
    const { job, id, attempts } = entry;
    try {
      await this.#options.run(job, { id, attempts });
      entry.done = true;
      this.#attempts.add(1, job.kind, 'ok');
    } catch (error) {
      const delay = error instanceof PermanentFailure ? undefined : retryDelayAfter(entry);
      entry.attempts += 1;
      entry.done = delay === undefined;
      this.#report(entry, error);
      if (delay === undefined) return;
      await this.#storeAttempts(entry);
      this.#retryLater(entry, delay);
    }
  }

  /** What is done leaves no trace. */
  async #erase(entry: JobEntry): Promise<void> {
    try {
      await this.#options.objects.writeAll([], { erases: [entry.r] });
      this.#size -= 1;
    } catch {
      // The store is away, and the record is to be erased when it is back.
      this.#retryLater(entry, second);
    }
  }

  #report({ job: { kind }, id, attempts, done }: JobEntry, error: unknown): void {
    this.#attempts.add(1, kind, done ? 'given-up' : 'failed');
    const fields = { id, kind, attempts, err: error };
    if (done) this.#options.log.error(fields, 'an errand is given up');
    else this.#options.log.warn(fields, 'an errand could not be done and is tried again');
  }

  /** So that a crash does not begin to count anew. Where it can not be stored, it does. */
  async #storeAttempts({ r, job, attempts }: JobEntry): Promise<void> {
    await this.#options.records.put(r, () => jobRecord({ job, attempts })).catch(() => undefined);
  }

  #retryLater(entry: JobEntry, ms: number): void {
    this.#delayed.set(entry, this.#options.platform.clock.monotonic() + ms);
  }
}

/** Milliseconds; `undefined`: it is given up. A revocation never is. */
function retryDelayAfter({ job, attempts }: JobEntry): number | undefined {
  return retryDelays[attempts] ?? (job.kind === 'revoke' ? retryDelays.at(-1) : undefined);
}
