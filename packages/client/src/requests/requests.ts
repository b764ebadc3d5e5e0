import type { ErrorBody } from '@really/protocol/client';
import { initializeTag } from '../connection/client-session.js';
import { type ReallyError, serverError } from '../really-error.js';
import type { WireMessage, WireRequest } from '../wire-message.js';

/** How a request ended: with its answer, or because its session did. */
export type Outcome =
  | { readonly kind: 'answer'; readonly message: WireMessage }
  | { readonly kind: 'error'; readonly error: ReallyError }
  | { readonly kind: 'lost' };

interface Sent {
  readonly request: WireRequest;
  end(outcome: Outcome): void;
}

/**
 * Requests on the present session, by their tags. Each ends in the turn in which its answer arrives, so
 * that what comes behind the answer finds it done.
 */
export class Requests {
  readonly #send: (message: object) => void;
  /** Those without an answer, also where nobody waits for it any more. */
  readonly #sent = new Map<number, Sent>();
  /** Whether there is a session that takes requests: what is asked for before that comes with the session. */
  isUp = false;
  #tag = initializeTag;

  constructor(send: (message: object) => void) {
    this.#send = send;
  }

  /** There is a session. */
  up(): void {
    this.isUp = true;
  }

  /** The session is over, and all that waits is lost. */
  down(): void {
    this.isUp = false;
    const sent = [...this.#sent.values()];
    this.#sent.clear();
    for (const one of sent) one.end({ kind: 'lost' });
  }

  /** Sends it on the present session, and calls `end` once. Returns what forgets it. */
  start(request: WireRequest, end: (outcome: Outcome) => void): () => void {
    if (!this.isUp) {
      end({ kind: 'lost' });
      return () => {};
    }
    const tag = ++this.#tag;
    const sent = { request, end };
    this.#sent.set(tag, sent);
    this.#send({ tag, ...request });
    return () => {
      sent.end = () => {};
    };
  }

  receive(message: WireMessage): void {
    const { tag = -1, error, r, meta } = message;
    const sent = this.#sent.get(tag);
    if (tag < 0 && error) this.#blameLargest(error);
    if (!sent) return;
    this.#sent.delete(tag);
    if (error) sent.end({ kind: 'error', error: serverError(error, r, meta?.retryAfter) });
    else sent.end({ kind: 'answer', message });
  }

  /** The session ends because a message was too large. If any was, the largest was: it is not lost, but refused. */
  #blameLargest(error: ErrorBody): void {
    const sent = [...this.#sent.values()];
    const sizes = sent.map(({ request }) => new Blob([JSON.stringify(request)]).size);
    const largest = sent[sizes.indexOf(Math.max(...sizes))];
    if (!largest) return;
    const { end, request } = largest;
    largest.end = () => end({ kind: 'error', error: serverError(error, request.r) });
  }
}
