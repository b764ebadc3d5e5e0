import { DeadLetters } from '../jobs/dead-letters.js';
import { type HookQueuePorts, Outbox } from './outbox.js';
import type { WebhookLimits } from './webhooks/deliveries.js';
import type { WebhookEndpoint } from './webhooks/webhook-endpoint.js';
import { Webhooks } from './webhooks/webhooks.js';

export interface PostHooksOptions extends Omit<HookQueuePorts, 'deadLetters'> {
  readonly endpoints: readonly WebhookEndpoint[];
  readonly limits: PostHookLimits;
}

export interface PostHookLimits {
  /** Attempts of a post hook until it is given up. */
  readonly attempts: number;
  /** Maximum runs that wait. */
  readonly outbox: number;
  readonly webhooks: WebhookLimits;
  /** Maximum dead letters. */
  readonly deadLetters: number;
  /** Milliseconds that a dead letter is kept. */
  readonly deadLetterAge: number;
}

/** All work of an app that runs after its commits. */
export class PostHooks {
  readonly deadLetters: DeadLetters;
  readonly #outbox: Outbox;
  readonly #webhooks: Webhooks;
  readonly #limits: PostHookLimits;

  constructor({ services, bus, log, metrics, endpoints, limits }: PostHooksOptions) {
    const { store, objects, platform } = services;
    this.#limits = limits;
    this.deadLetters = new DeadLetters({
      ...{ store, objects, platform, log, metrics },
      limit: limits.deadLetters,
      age: limits.deadLetterAge,
    });
    const { deadLetters } = this;
    this.#webhooks = new Webhooks({
      ...{ endpoints, services, bus, log, metrics, deadLetters },
      limits: limits.webhooks,
    });
    this.#outbox = new Outbox({
      ...{ services, bus, log, metrics, deadLetters },
      attempts: limits.attempts,
      deliveries: (event) => this.#webhooks.writesOf(event),
    });
  }

  /** True while too many runs wait to accept more of this owner. */
  isFullFor(owner: string): boolean {
    return this.#outbox.isFullFor(owner, this.#limits.outbox);
  }

  /** Begins with what an earlier run of the server left; does not wait. */
  start(): void {
    void this.deadLetters.start();
    this.#outbox.start();
    this.#webhooks.start();
  }

  /** Finishes the work in progress; the rest stays for the next start. */
  async close(): Promise<void> {
    this.deadLetters.close();
    await Promise.all([this.#outbox.close(), this.#webhooks.close()]);
  }
}
