import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../platform/platform.js';
import { networkOf } from '../server/address-network.js';
import { isFromForeignPage } from '../server/foreign-pages.js';
import type { Origins } from '../server/origins.js';
import { RateLimit } from './rate-limit.js';

export interface AddressRatesOptions {
  /** Per minute; 0 is off. */
  readonly amount: number;
  readonly clock: Clock;
  /** Those that the app trusts. */
  readonly origins: Origins;
}

const minute = 60_000;

/** How often an address may do something that costs much, or guess (rule LIM5). What foreign pages make its browsers do is counted apart. */
export class AddressRates {
  readonly #origins: Origins;
  readonly #own: RateLimit;
  readonly #ofPages: RateLimit;

  constructor({ amount, clock, origins }: AddressRatesOptions) {
    const byNetwork = { amount, window: minute, clock, groupOf: networkOf };
    this.#origins = origins;
    this.#own = new RateLimit(byNetwork);
    this.#ofPages = new RateLimit(byNetwork);
  }

  /** Addresses that are remembered. */
  get size(): number {
    return this.#own.size + this.#ofPages.size;
  }

  /** 0: granted. Else the seconds after which it would be. */
  take(address: string, request: Pick<IncomingMessage, 'headers' | 'headersDistinct'>): number {
    const isForeign = isFromForeignPage(request, this.#origins);
    return (isForeign ? this.#ofPages : this.#own).take(address);
  }
}
