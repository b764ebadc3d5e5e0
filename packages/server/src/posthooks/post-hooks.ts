import { DeadLetters } from '../jobs/dead-letters.js';
import { type HookQueuePorts, Outbox } from './outbox.js';
import type { WebhookEndpoint } from './webhooks/webhook-endpoint.js';
import { Webhooks } from './webhooks/webhooks.js';

export interface PostHooksOptions extends Omit<HookQueuePorts, 'deadLetters'> {
  readonly endpoints: readonly WebhookEndpoint[];
}

/** All work of an app that runs after its commits. */
export class PostHooks {
  readonly deadLetters: DeadLetters;
  readonly #outbox: Outbox;
  readonly #webhooks: Webhooks;

  constructor({ endpoints, ...ports }: PostHooksOptions) {
    const { services, log, metrics } = ports;
    const { store, objects, platform, limits } = services;
    this.deadLetters = new DeadLetters({
      ...{ store, objects, platform, log, metrics },
      limit: limits.deadLetters,
      age: limits.deadLetterAge,
    });
    const { deadLetters } = this;
    this.#webhooks = new Webhooks({ ...ports, deadLetters, endpoints });
    this.#outbox = new Outbox({
      ...{ ...ports, deadLetters },
      deliveries: (event) => this.#webhooks.writesOf(event),
    });
  }

  /** True while too many runs wait to accept more of this owner. */
  isFullFor(owner: string): boolean {
    return this.#outbox.isFullFor(owner);
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
