import { fail } from '@really/protocol';
import { Type } from '@really/protocol/schema';
import {
  isStoreDown,
  type Job,
  type JobOutcome,
  JobQueue,
  type JobQueueOptions,
  type JobReport,
} from '../jobs/job-queue.js';
import type { RetryPolicy } from '../jobs/retry-policy.js';
import type { WriteAllOptions, WriteAllResult, WriteRequest } from '../objects/write-request.js';
import { type Counter, type Metrics, noMetrics } from '../platform/metrics.js';
import { fits } from '../platform/record-schema.js';

/** Work that follows a response, and is done even after a crash. */
export type AccountJob =
  /** An email with which the owner of the address, if there is one, can set another password. */
  | { readonly kind: 'reset'; readonly email: string }
  /** An email with which an owner confirms the address. */
  | { readonly kind: 'verify'; readonly uid: string }
  /** An email that reports that another password was set. */
  | { readonly kind: 'changed'; readonly uid: string }
  /** Every token of the uid is to be revoked. */
  | { readonly kind: 'revoke'; readonly uid: string };

const jobSchema = Type.Union([
  Type.Object({ kind: Type.Enum(['reset']), email: Type.String() }),
  Type.Object({ kind: Type.Enum(['verify', 'changed', 'revoke']), uid: Type.String() }),
]);

export interface AccountJobsOptions
  extends Pick<JobQueueOptions, 'objects' | 'store' | 'bus' | 'platform' | 'log'> {
  readonly metrics?: Metrics | undefined;
  /** Whether emails can be sent. */
  readonly sendsEmails: boolean;
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

/** The collection of the records, at `/_jobs/<id>`. */
export const jobsCollection = '_jobs';

/** Jobs that run at once: the mail server has other work, too. */
const concurrency = 4;

const emailRetry: RetryPolicy = {
  delays: [5, 15, 60, 300, 1200, 3600, 3600, 3600].map((seconds) => seconds * 1000),
  jitter: 0,
  attempts: 9,
  dueAtRestart: true,
};

const revocationRetry: RetryPolicy = { ...emailRetry, attempts: Number.POSITIVE_INFINITY };

const results = { done: 'ok', retried: 'failed', 'given-up': 'given-up' } as const;

/**
 * Work that follows a response: committed together with its cause, done soon, retried with growing
 * delays, and again after a crash. So each job is done at least once (rule MAIL4). A revocation does
 * not wait behind emails, and is never given up.
 */
export class AccountJobs {
  readonly #options: AccountJobsOptions;
  readonly #queue: JobQueue;
  readonly #attempts: Counter;

  constructor(options: AccountJobsOptions) {
    const { metrics = noMetrics } = options;
    this.#options = options;
    this.#queue = new JobQueue({
      ...options,
      scope: { names: [jobsCollection], parents: [] },
      isUrgent: ({ data }) => data.kind === 'revoke',
      retry: ({ data }) => (data.kind === 'revoke' ? revocationRetry : emailRetry),
      ...{ concurrency, window: Number.POSITIVE_INFINITY },
      run: (job) => this.#run(job),
      report: (job, report) => this.#report(job, report),
    });
    metrics.observe('really_jobs', 'Emails and revocations that wait or run.', () => {
      return this.#queue.pending;
    });
    this.#attempts = metrics.counter(
      'really_job_attempts_total',
      'Attempts to run a job: emails and revocations.',
      ['kind', 'result'],
    );
  }

  /** An email that nobody waits for: none where too many wait, or none can be sent. */
  emailTo(kind: 'verify' | 'changed', uid: string): AccountJob[] {
    return this.#options.sendsEmails && !this.#isFull ? [{ kind, uid }] : [];
  }

  get #isFull(): boolean {
    return this.#queue.pending >= this.#options.limit;
  }

  /** Resumes the jobs that were not done. */
  async open(): Promise<void> {
    await this.#queue.start();
  }

  /** Refuses new emails with 503 while too many wait. */
  assertRoom(): void {
    if (this.#isFull) throw fail('server.unavailable', undefined, { meta: { retryAfter: 10 } });
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
    const records = jobs.map((job) => ({ ...job, attempts: 0 }));
    return await this.#queue.write(requests, records, options);
  }

  /** Starts no more jobs. Resolves when none is running. */
  async close(): Promise<void> {
    await this.#queue.close();
  }

  async #run({ id, data, attempts }: Job): Promise<JobOutcome> {
    if (!fits(jobSchema, data)) return { kind: 'skipped' };
    try {
      await this.#options.run(data, { id, attempts });
      return { kind: 'done' };
    } catch (error) {
      if (isStoreDown(error)) throw error;
      const final = error instanceof PermanentFailure;
      return { kind: 'failed', reason: `${error}`, final, error };
    }
  }

  #report({ id, data }: Job, report: JobReport): void {
    if (report.kind === 'continued') return;
    const kind = String(data.kind);
    this.#attempts.add(1, kind, results[report.kind]);
    if (report.kind === 'done') return;
    const fields = { id, kind, attempts: report.attempts, err: report.failure.error };
    const { log } = this.#options;
    if (report.kind === 'given-up') log.error(fields, 'a job is given up');
    else log.warn(fields, 'a job failed and will be retried');
  }
}
