import type { WriteRequest } from '../../objects/write-request.js';
import type { HookEvent } from '../hook-writes.js';
import type { HookQueuePorts } from '../outbox.js';
import { Deliveries, deadLetterOf } from './deliveries.js';
import type { WebhookEndpoint } from './webhook-endpoint.js';

export interface WebhooksOptions extends HookQueuePorts {
  readonly endpoints: readonly WebhookEndpoint[];
}

const page = 100;

/**
 * Delivers events of post hooks to each endpoint that wants them, with a separate queue per
 * endpoint.
 */
export class Webhooks {
  readonly #options: WebhooksOptions;
  readonly #endpoints: readonly Deliveries[];
  #closed = false;

  constructor(options: WebhooksOptions) {
    const { endpoints, metrics } = options;
    this.#options = options;
    const count = metrics.counter(
      'really_webhooks_total',
      'Attempts to deliver an event to a webhook: delivered, to be retried, given up as dead letters, or dropped because too many wait.',
      ['outcome'],
    );
    this.#endpoints = endpoints.map((endpoint) => new Deliveries({ ...options, endpoint, count }));
    metrics.observe('really_webhooks_pending', 'Events that wait for their delivery.', () => {
      return this.#endpoints.reduce((sum, { pending }) => sum + pending, 0);
    });
  }

  /** Throws for an invalid name of an event. */
  writesOf(event: HookEvent): WriteRequest[] {
    if (!/^[\w.-]{1,128}$/.test(event.name)) {
      throw new Error('the name of an event has up to 128 letters, digits, `.`, `_` and `-`');
    }
    return this.#endpoints.flatMap((deliveries) => deliveries.writesOf(event));
  }

  start(): void {
    const { endpoints, log } = this.#options;
    for (const { name, secret } of endpoints) {
      if (secret === undefined) log.warn({}, `webhook ${name} has no secret: it is not signed`);
    }
    for (const deliveries of this.#endpoints) deliveries.start();
    this.#dropOrphans().catch((error: unknown) => {
      log.warn({ err: error }, 'deliveries to removed webhooks could not be cleaned up');
    });
  }

  /** Dead-letters what waits for webhooks that are no longer configured. */
  async #dropOrphans(): Promise<void> {
    const { endpoints, services, deadLetters } = this.#options;
    const known = new Set(endpoints.map(({ name }) => name));
    const scope = { names: ['_webhooks', 'deliveries'], parents: ['*'] };
    for (let after = 0; ; ) {
      const { entries, through, more } = await services.store.created(scope, after, page);
      for (const { object } of entries) {
        const endpoint = object.r.split('/')[2] ?? '';
        if (!known.has(endpoint))
          await deadLetters.add({
            ...deadLetterOf(object, endpoint),
            attempts: 0,
            reason: 'the app has no such webhook any more',
          });
      }
      if (!more || this.#closed) return;
      after = through;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#endpoints.map((deliveries) => deliveries.close()));
  }
}
