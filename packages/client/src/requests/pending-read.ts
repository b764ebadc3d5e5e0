import type { ClientPlatform } from '../client-platform.js';
import { clientError, type ReallyError } from '../really-error.js';
import type { WireMessage, WireRequest } from '../wire-message.js';
import type { Outcome, Requests } from './requests.js';

export interface PendingReadContext {
  readonly platform: ClientPlatform;
  readonly requests: Requests;
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
  /** Once, with the answer or the error. */
  readonly settle: (outcome: Exclude<Outcome, { kind: 'lost' }>) => void;
}

/** One read without an answer: sent on each session until it has one. */
export class PendingRead {
  readonly #request: WireRequest;
  readonly #context: PendingReadContext;
  #forget = () => {};
  #cancelTimer = () => {};

  constructor(request: WireRequest, context: PendingReadContext) {
    this.#request = request;
    this.#context = context;
    context.signal?.addEventListener('abort', this.#abort);
  }

  /** There is a session. */
  start(): void {
    const { platform, requests, timeout } = this.#context;
    this.#cancelTimer = platform.setTimer(timeout, () =>
      this.fail(clientError('request.timeout', { r: this.#request.r, retry: 'backoff' })),
    );
    this.#forget = requests.start(this.#request, (outcome) => {
      if (outcome.kind === 'lost') this.#cancelTimer();
      else this.#settle(outcome);
    });
  }

  fail(error: ReallyError): void {
    this.#settle({ kind: 'error', error });
  }

  readonly #abort = (): void => {
    const { signal } = this.#context;
    this.fail(clientError('aborted', { r: this.#request.r, cause: signal?.reason }));
  };

  #settle(
    outcome: { kind: 'answer'; message: WireMessage } | { kind: 'error'; error: ReallyError },
  ): void {
    this.#forget();
    this.#cancelTimer();
    this.#context.signal?.removeEventListener('abort', this.#abort);
    this.#context.settle(outcome);
  }
}
