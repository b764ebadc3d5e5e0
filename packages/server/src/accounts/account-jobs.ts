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
  /** Maximum emails that wait (rule MAIL5). */
  readonly limit: number;
  /**
   * Runs a job. Rejects where it failed, with a `PermanentFailure` where a retry is pointless. `id`
   * is the same at every attempt.
   */
  readonly run: (job: AccountJob, about: { id: string; attempts: number }) => Promise<void>;
}

/** A retry is pointless. */
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

/** Jobs that run at once: the mail server has other work, too. */
const concurrency = 4;

const second = 1000;
const minute = 60 * second;

/** Delay after each failed attempt; after the last the job is given up. */
const retryDelays = [5, 15, 60, 300, 1200, 3600, 3600, 3600].map((seconds) => seconds * second);

/** Milliseconds that reading a page of stored jobs may take. */
const timeout = minute;
const page = 1000;

/**
 * Work that follows a response: committed together with its cause, done soon, retried with growing
 * delays, and again after a crash. So each job is done at least once (rule MAIL4).
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
    metrics.observe('really_jobs', 'Emails and revocations that wait or run.', () => this.#size);
    this.#attempts = metrics.counter(
      'really_job_attempts_total',
      'Attempts to run a job: emails and revocations.',
      ['kind', 'result'],
    );
  }

  /** True while no more emails are accepted. */
  get full(): boolean {
    return this.#size >= this.#options.limit;
  }

  /** Resumes the jobs that were not done. */
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
        else this.#options.log.error({ r }, 'a job that this version does not know is skipped');
      }
      const last = found.at(-1);
      if (!last || found.length < page) return;
      from = { value: undefined, r: last.r };
    }
  }

  /** Refuses new emails with 503 while too many wait. */
  assertRoom(): void {
    if (this.full) throw fail('server.unavailable', undefined, { meta: { retryAfter: 10 } });
  }

  /**
   * Writes these and the jobs that follow from them, all or none, and starts the jobs. Resolves
   * when they are on disk, and each revocation among them was tried once.
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

  /** Starts no more jobs. Resolves when none is running. */
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

  /** A revocation does not wait behind emails. Resolves when it was tried; for an email at once. */
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

  /** Erases the record of a finished job. */
  async #erase(entry: JobEntry): Promise<void> {
    try {
      await this.#options.objects.writeAll([], { erases: [entry.r] });
      this.#size -= 1;
    } catch {
      // The store is unavailable; the record is erased when it is back.
      this.#retryLater(entry, second);
    }
  }

  #report({ job: { kind }, id, attempts, done }: JobEntry, error: unknown): void {
    this.#attempts.add(1, kind, done ? 'given-up' : 'failed');
    const fields = { id, kind, attempts, err: error };
    if (done) this.#options.log.error(fields, 'a job is given up');
    else this.#options.log.warn(fields, 'a job failed and will be retried');
  }

  /** So that the count survives a crash. If it cannot be stored, the count starts over. */
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
