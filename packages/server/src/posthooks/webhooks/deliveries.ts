import type { Bus } from '../../bus/bus.js';
import type { Objects } from '../../objects/objects.js';
import type { WriteRequest } from '../../objects/write-request.js';
import type { Log } from '../../platform/log.js';
import type { Counter } from '../../platform/metrics.js';
import type { Platform } from '../../platform/platform.js';
import type { Store, StoredObject } from '../../store/store.js';
import type { DeadLetter, DeadLetters } from '../dead-letters.js';
import { DurableQueue, type QueueAttempt } from '../durable-queue.js';
import type { HookEvent } from '../outbox.js';
import { Retries } from '../retries.js';
import { post } from './http-post.js';
import { retryAfterOf } from './retry-after.js';
import { type WebhookEndpoint, wants } from './webhook-endpoint.js';
import { messageWrite, readMessage, signed, type WebhookMessage } from './webhook-message.js';

export interface DeliveriesOptions {
  readonly endpoint: WebhookEndpoint;
  readonly store: Store;
  readonly objects: Objects;
  readonly bus: Bus;
  readonly platform: Platform;
  readonly log: Log;
  readonly deadLetters: DeadLetters;
  readonly limits: WebhookLimits;
  /** Counts attempts by outcome. */
  readonly count: Counter;
}

export interface WebhookLimits {
  /** Attempts of a delivery until it is given up. */
  readonly attempts: number;
  /** Milliseconds after which it is given up, however often it was tried. */
  readonly age: number;
  /** Timeout of an attempt, milliseconds. */
  readonly timeout: number;
  /** Maximum events that wait for one endpoint. */
  readonly pending: number;
  /** Concurrent attempts to one endpoint. */
  readonly concurrency: number;
}

interface DeliveryFailure {
  readonly reason: string;
  readonly final?: boolean | undefined;
  /** Milliseconds that the endpoint asks to pause. */
  readonly pause?: number | undefined;
}

const window = 10_000;
/** Milliseconds. */
const dropReportInterval = 10_000;
const longestDelay = 4 * 3_600_000;

/**
 * Delivers messages to one endpoint; those about one object in order, each until it is accepted or
 * given up (rule POST9).
 */
export class Deliveries {
  readonly #options: DeliveriesOptions;
  readonly #queue: DurableQueue;
  readonly #retries: Retries;
  readonly #abort = new AbortController();
  /** On the monotonic clock: the endpoint asked to pause until then. */
  #pausedUntil = 0;
  #dropsReportedAt = Number.NEGATIVE_INFINITY;

  constructor(options: DeliveriesOptions) {
    const { endpoint, store, objects, bus, platform, log, limits } = options;
    this.#options = options;
    this.#retries = new Retries({
      ...{ objects, platform },
      backoff: { first: 5000, longest: longestDelay },
    });
    this.#queue = new DurableQueue({
      ...{ store, bus, platform, log, window },
      concurrency: limits.concurrency,
      scope: { names: ['_webhooks', 'deliveries'], parents: [endpoint.name] },
      orderingKey: ({ data, r }) => (typeof data.r === 'string' ? data.r : r),
      notBefore: (entry) => this.#retries.notBefore(entry),
      work: (r) => this.#work(r),
    });
  }

  /** Messages that wait. */
  get pending(): number {
    return this.#queue.pending;
  }

  /** The write of an event, where the endpoint wants it and not too many wait. */
  writesOf(event: HookEvent): WriteRequest[] {
    const { endpoint, objects, limits, count, log, platform } = this.#options;
    if (!wants(endpoint, event.name)) return [];
    if (this.pending < limits.pending) return [messageWrite(endpoint.name, event, objects.newId())];
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
    this.#queue.start();
  }

  /** Aborts the attempts in progress: they will be repeated. */
  async close(): Promise<void> {
    this.#abort.abort();
    await this.#queue.close();
  }

  async #work(r: string): Promise<QueueAttempt> {
    const { objects, platform, count } = this.#options;
    const { clock } = platform;
    const stored = await objects.head(r);
    if (!stored || stored.deleted) return { kind: 'done' };
    const message = readMessage(stored.data);
    if (!message) {
      return await this.#failed(stored, {
        reason: 'no message that this version can read',
        final: true,
      });
    }
    if (clock.now() - message.at > this.#options.limits.age) {
      return await this.#failed(stored, { reason: 'it is too old', final: true });
    }
    const pause = this.#pausedUntil - clock.monotonic();
    if (pause > 0) return { kind: 'retry', after: pause };
    const failure = await this.#send(message);
    if (this.#abort.signal.aborted && failure) return { kind: 'retry', after: 0 };
    if (failure) return await this.#failed(stored, failure);
    count.add(1, 'delivered');
    await objects.writeAll([], { erases: [r] });
    return { kind: 'done' };
  }

  /** Resolves to `undefined` where it was accepted. */
  async #send(message: WebhookMessage): Promise<DeliveryFailure | undefined> {
    const { endpoint, platform, limits } = this.#options;
    const now = platform.clock.now();
    const result = await post(signed(message, endpoint.secret, now), {
      url: endpoint.url,
      timers: platform.timers,
      timeout: limits.timeout,
      signal: this.#abort.signal,
    });
    if (result.kind === 'failed') return { reason: result.reason };
    const { status, retryAfter } = result;
    if (status >= 200 && status < 300) return undefined;
    const pause = Math.min(retryAfterOf(retryAfter, now) ?? 0, longestDelay);
    return { reason: `it answered ${status}`, final: status === 410, pause };
  }

  async #failed(
    stored: StoredObject,
    { reason, final, pause = 0 }: DeliveryFailure,
  ): Promise<QueueAttempt> {
    const { endpoint, limits, deadLetters, count, log, platform } = this.#options;
    const attempts = this.#retries.attemptsOf(stored) + 1;
    if (pause > 0) this.#pausedUntil = platform.clock.monotonic() + pause;
    if (!final && attempts < limits.attempts) {
      count.add(1, 'again');
      log.debug({ webhook: endpoint.name, attempts, reason }, 'a delivery will be retried');
      return await this.#retries.schedule(stored, attempts, reason, pause);
    }
    await deadLetters.add({
      ...deadLetterOf(stored, endpoint.name),
      ...{ attempts, reason },
    });
    count.add(1, 'dead');
    return { kind: 'done' };
  }
}

/** A message as a dead letter, without the reason. */
export function deadLetterOf(
  { r, data }: StoredObject,
  endpoint: string,
): Omit<DeadLetter, 'attempts' | 'reason'> {
  const about = typeof data.r === 'string' ? data.r : '';
  return { kind: 'webhook', from: r, about, what: `${data.type} to ${endpoint}`, work: data };
}
