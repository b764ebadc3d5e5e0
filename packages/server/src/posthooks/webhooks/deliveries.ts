import type { DeadLetter } from '../../jobs/dead-letters.js';
import { jobOwner } from '../../jobs/job-owner.js';
import { type Job, type JobOutcome, JobQueue, type JobReport } from '../../jobs/job-queue.js';
import { doubling } from '../../jobs/retry-policy.js';
import type { WriteRequest } from '../../objects/write-request.js';
import type { Counter } from '../../platform/metrics.js';
import { WebhookSender } from '../../platform/standard-webhook.js';
import type { HookEvent } from '../hook-writes.js';
import type { HookQueuePorts } from '../outbox.js';
import { type WebhookEndpoint, wants } from './webhook-endpoint.js';
import { messageWrite, readMessage } from './webhook-message.js';

export interface DeliveriesOptions extends HookQueuePorts {
  readonly endpoint: WebhookEndpoint;
  /** Counts attempts by outcome. */
  readonly count: Counter;
}

/** Milliseconds. */
const dropReportInterval = 10_000;
/** Between two lines of the log that say that the endpoint accepts nothing, milliseconds. */
const failureReportInterval = 60_000;
const longestDelay = 4 * 3_600_000;
const delays = doubling(5000, longestDelay);

const outcomes = {
  done: 'delivered',
  continued: 'delivered',
  retried: 'again',
  'given-up': 'dead',
} as const;

/**
 * Delivers messages to one endpoint; those about one object in order, each until it is accepted or
 * given up (rule POST9).
 */
export class Deliveries {
  readonly #options: DeliveriesOptions;
  readonly #queue: JobQueue;
  readonly #sender: WebhookSender;
  readonly #abort = new AbortController();
  /** On the monotonic clock: the endpoint asked to pause until then. */
  #pausedUntil = 0;
  #dropsReportedAt = Number.NEGATIVE_INFINITY;
  #failureReportedAt = Number.NEGATIVE_INFINITY;
  /** The log says that it accepts nothing, and not yet that it does again. */
  #isReportedFailing = false;

  constructor(options: DeliveriesOptions) {
    const { endpoint, services, bus, log, deadLetters } = options;
    const { store, objects, platform, limits } = services;
    const { webhookAttempts: attempts, webhookAge: age, webhookTime: timeout } = limits;
    this.#options = options;
    this.#sender = new WebhookSender({ ...endpoint, timeout, platform });
    this.#queue = new JobQueue({
      ...{ store, objects, bus, platform, log, concurrency: limits.webhooksAtOnce },
      scope: { names: ['_webhooks', 'deliveries'], parents: [endpoint.name] },
      orderingKey: ({ data, r }) => (typeof data.r === 'string' ? data.r : r),
      ownerOf: ({ data }) => jobOwner(data),
      retry: { delays, jitter: 0.5, attempts, age },
      run: (job) => this.#run(job),
      report: (_, report) => this.#report(report),
      moveToDeadLetters: (job, why) =>
        deadLetters.add({ ...deadLetterOf(job, endpoint.name), ...why }),
    });
  }

  /** Messages that wait. */
  get pending(): number {
    return this.#queue.pending;
  }

  /** The write of an event, where the endpoint wants it and not too many of its owner wait. */
  writesOf(event: HookEvent): WriteRequest[] {
    const { endpoint, services, count, log } = this.#options;
    const { objects, limits, platform } = services;
    if (!wants(endpoint, event.name)) return [];
    if (!this.#queue.isFullFor(event.owner, limits.webhookEvents)) {
      return [messageWrite(endpoint.name, event, objects.newId())];
    }
    count.add(1, 'dropped');
    const now = platform.clock.monotonic();
    if (now - this.#dropsReportedAt >= dropReportInterval) {
      this.#dropsReportedAt = now;
      log.error(
        { webhook: endpoint.name },
        'too many events wait for a webhook: new ones are dropped',
      );
    }
    return [];
  }

  start(): void {
    void this.#queue.start();
  }

  /** Aborts the attempts in progress: they will be repeated. */
  async close(): Promise<void> {
    this.#abort.abort();
    await this.#queue.close();
  }

  async #run({ data }: Job): Promise<JobOutcome> {
    const { clock } = this.#options.services.platform;
    const message = readMessage(data);
    if (!message) {
      return { kind: 'failed', reason: 'no message that this version can read', final: true };
    }
    const rest = this.#pausedUntil - clock.monotonic();
    if (rest > 0) return { kind: 'postponed', ms: rest };
    const result = await this.#sender.send(message, this.#abort.signal);
    if (result.kind === 'answered' && result.status >= 200 && result.status < 300) {
      return { kind: 'done' };
    }
    if (this.#abort.signal.aborted) return { kind: 'postponed', ms: 0 };
    if (result.kind === 'failed') return result;
    const { status, retryAfter = 0 } = result;
    const pause = Math.min(retryAfter, longestDelay);
    if (pause > 0) this.#pausedUntil = clock.monotonic() + pause;
    return { kind: 'failed', reason: `it answered ${status}`, final: status === 410, pause };
  }

  #report(report: JobReport): void {
    const { count, log, endpoint } = this.#options;
    count.add(1, outcomes[report.kind]);
    if (report.kind === 'done' && this.#isReportedFailing) {
      this.#isReportedFailing = false;
      log.info({ webhook: endpoint.name }, 'a webhook accepts events again');
    }
    if (report.kind !== 'retried') return;
    const { attempts, failure } = report;
    const fields = { webhook: endpoint.name, attempts, reason: failure.reason };
    log.debug(fields, 'a delivery will be retried');
    this.#reportFailure(failure.reason);
  }

  /** One line, however many events wait. */
  #reportFailure(reason: string): void {
    const { services, log, endpoint } = this.#options;
    const now = services.platform.clock.monotonic();
    if (this.#isReportedFailing || now - this.#failureReportedAt < failureReportInterval) return;
    this.#failureReportedAt = now;
    this.#isReportedFailing = true;
    const fields = { webhook: endpoint.name, reason };
    log.warn(fields, 'a webhook did not accept an event, which will be sent again');
  }
}

/** A message as a dead letter, without the reason. */
export function deadLetterOf(
  { r, data }: Pick<Job, 'r' | 'data'>,
  endpoint: string,
): Omit<DeadLetter, 'attempts' | 'reason'> {
  const about = typeof data.r === 'string' ? data.r : '';
  return { kind: 'webhook', from: r, about, what: `${data.type} to ${endpoint}`, work: data };
}
