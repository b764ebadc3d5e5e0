import type { ClientPlatform } from '../client-platform.js';
import { clientError } from '../really-error.js';
import type { WireMessage, WireRequest } from '../wire-message.js';
import { PendingRead } from './pending-read.js';
import type { Requests } from './requests.js';

export interface RequestOptions {
  /** Ends the wait: the promise rejects with `aborted`. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for an answer, 30,000 by default. They count only while it is sent and connected. */
  readonly timeout?: number | undefined;
  /** False: fails with `offline` where there is no connection, instead of waiting for one. */
  readonly queue?: boolean | undefined;
}

export interface ReadsContext {
  readonly platform: ClientPlatform;
  readonly requests: Requests;
  /** Milliseconds, where the request has no time limit of its own. */
  readonly timeout: number;
  readonly isConnected: () => boolean;
}

/**
 * Requests that change nothing: they wait for a connection, and are sent again where it drops before
 * the answer.
 */
export class Reads {
  readonly #context: ReadsContext;
  readonly #pending = new Set<PendingRead>();
  #isClosed = false;

  constructor(context: ReadsContext) {
    this.#context = context;
  }

  /** Rejects with a `ReallyError`. */
  async read(request: WireRequest, options: RequestOptions = {}): Promise<WireMessage> {
    const { signal, queue = true, timeout = this.#context.timeout } = options;
    const { r } = request;
    const { isConnected } = this.#context;
    if (this.#isClosed) throw clientError('connection.closed', { r });
    if (signal?.aborted) throw clientError('aborted', { r, cause: signal.reason });
    if (!queue && !isConnected()) throw clientError('offline', { r, retry: 'backoff' });
    return await new Promise<WireMessage>((resolve, reject) => {
      const pending = new PendingRead(request, {
        ...this.#context,
        ...{ timeout, signal },
        settle: (outcome) => {
          this.#pending.delete(pending);
          if (outcome.kind === 'answer') resolve(outcome.message);
          else reject(outcome.error);
        },
      });
      this.#pending.add(pending);
      if (isConnected()) pending.start();
    });
  }

  /** There is a session: sends everything that has no answer. */
  up(): void {
    for (const pending of [...this.#pending]) pending.start();
  }

  /** Everything fails that has no answer, and whatever comes after. */
  close(): void {
    this.#isClosed = true;
    for (const pending of [...this.#pending]) pending.fail(clientError('connection.closed'));
  }
}
