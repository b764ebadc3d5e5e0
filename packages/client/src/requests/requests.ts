import { initializeTag } from '../connection/client-session.js';
import { type ReallyError, serverError } from '../really-error.js';
import type { WireMessage, WireRequest } from '../wire-message.js';

/** How a request ended: with its answer, or because its session did. */
export type Outcome =
  | { readonly kind: 'answer'; readonly message: WireMessage }
  | { readonly kind: 'error'; readonly error: ReallyError }
  | { readonly kind: 'lost' };

/**
 * Requests on the present session, by their tags. Each ends in the turn in which its answer arrives, so
 * that what comes behind the answer finds it done.
 */
export class Requests {
  readonly #send: (message: object) => void;
  readonly #waiting = new Map<number, (outcome: Outcome) => void>();
  #isUp = false;
  #tag = initializeTag;

  constructor(send: (message: object) => void) {
    this.#send = send;
  }

  /** There is a session. */
  up(): void {
    this.#isUp = true;
  }

  /** The session is over, and all that waits is lost. */
  down(): void {
    this.#isUp = false;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const end of waiting) end({ kind: 'lost' });
  }

  /** Sends it on the present session, and calls `end` once. Returns what forgets it. */
  start(request: WireRequest, end: (outcome: Outcome) => void): () => void {
    if (!this.#isUp) {
      end({ kind: 'lost' });
      return () => {};
    }
    const tag = ++this.#tag;
    this.#waiting.set(tag, end);
    this.#send({ tag, ...request });
    return () => {
      this.#waiting.delete(tag);
    };
  }

  receive(message: WireMessage): void {
    const { tag = -1, error, r, meta } = message;
    const end = this.#waiting.get(tag);
    if (!end) return;
    this.#waiting.delete(tag);
    if (error) end({ kind: 'error', error: serverError(error, r, meta?.retryAfter) });
    else end({ kind: 'answer', message });
  }
}
