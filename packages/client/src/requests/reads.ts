import type { ClientPlatform } from '../client-platform.js';
import { clientError, type ReallyError } from '../really-error.js';
import type { WireMessage, WireRequest } from '../wire-message.js';
import type { Outcome, Requests } from './requests.js';

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

/** A read without an answer. */
interface PendingRead {
  /** There is a session. */
  start(): void;
  fail(error: ReallyError): void;
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
    const { signal, queue = true } = options;
    const { r } = request;
    const { isConnected } = this.#context;
    if (this.#isClosed) throw clientError('connection.closed', { r });
    if (signal?.aborted) throw clientError('aborted', { r, cause: signal.reason });
    if (!queue && !isConnected()) throw clientError('offline', { r, retry: 'backoff' });
    return await new Promise<WireMessage>((resolve, reject) => {
      const pending = this.#wait(request, options, (outcome) => {
        this.#pending.delete(pending);
        if (outcome.kind === 'answer') resolve(outcome.message);
        else if (outcome.kind === 'error') reject(outcome.error);
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

  /** `end` is called once, with the answer or the error. */
  #wait(
    request: WireRequest,
    { signal, timeout = this.#context.timeout }: RequestOptions,
    end: (outcome: Outcome) => void,
  ): PendingRead {
    const { platform, requests } = this.#context;
    const { r } = request;
    let stop = () => {};
    const settle = (outcome: Outcome) => {
      stop();
      signal?.removeEventListener('abort', abort);
      end(outcome);
    };
    const fail = (error: ReallyError) => settle({ kind: 'error', error });
    const abort = () => fail(clientError('aborted', { r, cause: signal?.reason }));
    const start = () => {
      const late = () => fail(clientError('request.timeout', { r, retry: 'backoff' }));
      const cancel = platform.setTimer(timeout, late);
      const forget = requests.start(request, (outcome) => {
        if (outcome.kind === 'lost') cancel();
        else settle(outcome);
      });
      stop = () => {
        cancel();
        forget();
      };
    };
    signal?.addEventListener('abort', abort);
    return { start, fail };
  }
}
