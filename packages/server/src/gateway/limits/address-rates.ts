import type { IncomingMessage } from 'node:http';
import { fail } from '@really/protocol';
import type { Clock } from '../../platform/platform.js';
import { RateLimit } from '../../platform/scheduling/rate-limit.js';
import { networkOf } from '../server/address-network.js';
import { isFromForeignPage } from '../server/foreign-pages.js';
import type { Origins } from '../server/origins.js';

export interface AddressRatesOptions {
  /** Per minute; 0: no limit. */
  readonly amount: number;
  readonly clock: Clock;
  /** The origins that the app trusts. */
  readonly origins: Origins;
  /** Counts a refusal. */
  readonly limited: () => void;
}

const minute = 60_000;

/**
 * Limits expensive requests and guesses per address (rule LIM5). Those that foreign pages trigger in a
 * browser are counted separately.
 */
export class AddressRates {
  readonly #origins: Origins;
  readonly #limited: () => void;
  readonly #own: RateLimit;
  readonly #ofPages: RateLimit;

  constructor({ amount, clock, origins, limited }: AddressRatesOptions) {
    const byNetwork = { amount, window: minute, clock, groupOf: networkOf };
    this.#origins = origins;
    this.#limited = limited;
    this.#own = new RateLimit(byNetwork);
    this.#ofPages = new RateLimit(byNetwork);
  }

  /** Addresses with a state. */
  get size(): number {
    return this.#own.size + this.#ofPages.size;
  }

  /** Returns 0 if granted, else the seconds after which to retry. */
  take(address: string, request: Pick<IncomingMessage, 'headers' | 'headersDistinct'>): number {
    const isForeign = isFromForeignPage(request, this.#origins);
    return (isForeign ? this.#ofPages : this.#own).take(address);
  }

  /** As `take`, and throws 429 if it is not granted. */
  assert(address: string, request: Pick<IncomingMessage, 'headers' | 'headersDistinct'>): void {
    this.assertGranted(this.take(address, request));
  }

  /** Throws 429 for an attempt that was not granted. */
  assertGranted(retryAfter: number): void {
    if (retryAfter === 0) return;
    this.#limited();
    throw fail.rateLimited(retryAfter);
  }
}
