import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../platform/platform.js';
import { RateLimit } from '../../platform/scheduling/rate-limit.js';
import { networkOf } from '../server/address-network.js';
import { isFromForeignPage } from '../server/foreign-pages.js';
import type { Origins } from '../server/origins.js';
import type { AddressRates } from './address-rates.js';

export interface LoginRatesOptions {
  readonly addresses: AddressRates;
  /**
   * Per minute, for one account: from an address with a recent login to it, and from all others
   * together; 0: no limit.
   */
  readonly known: number;
  readonly account: number;
  readonly clock: Clock;
  readonly origins: Origins;
}

const minute = 60_000;

/** Pairs of account and address that are remembered; then the least recently used is dropped. */
const maxKnown = 100_000;

/**
 * Limits password attempts. An address has its own limit, and so has an account over all addresses,
 * except for the first attempt of each address in a minute. An address with a recent login to an
 * account has a separate limit there, so that somebody guessing passwords cannot lock the owner
 * out.
 */
export class LoginRates {
  readonly #options: LoginRatesOptions;
  readonly #byAccount: RateLimit;
  readonly #byKnown: RateLimit;
  readonly #first: RateLimit;
  readonly #known = new Set<string>();

  constructor(options: LoginRatesOptions) {
    const { account, known, clock } = options;
    this.#options = options;
    this.#byAccount = new RateLimit({ amount: account, window: minute, clock });
    this.#byKnown = new RateLimit({ amount: known, window: minute, clock });
    this.#first = new RateLimit({ amount: 1, window: minute, clock });
  }

  /** Accounts and addresses with a state. */
  get size(): number {
    return this.#byAccount.size + this.#byKnown.size + this.#first.size + this.#known.size;
  }

  /** Returns 0 if granted, else the seconds after which to retry. The account need not exist. */
  take(
    address: string,
    account: string | undefined,
    request: Pick<IncomingMessage, 'headers' | 'headersDistinct'>,
  ): number {
    const { addresses, origins } = this.#options;
    const isForeign = isFromForeignPage(request, origins);
    const share = account && `${pairOf(address, account)}${isForeign ? ' page' : ''}`;
    if (share && this.isKnown(address, account)) {
      const ofKnown = this.#byKnown.take(share);
      // Counts for the address too, but other clients there cannot use up the owner's attempts.
      if (ofKnown === 0) addresses.take(address, request);
      return ofKnown;
    }
    const ofAddress = addresses.take(address, request);
    if (ofAddress > 0 || !share) return ofAddress;
    // An attacker must not use up the first attempt of others.
    return this.#first.take(share) === 0 ? 0 : this.#byAccount.take(account);
  }

  /** True if there was a recent login to this account from this address. */
  isKnown(address: string, account: string): boolean {
    return this.#known.has(pairOf(address, account));
  }

  succeeded(address: string, account: string): void {
    const pair = pairOf(address, account);
    // The first login counts against the new pair's own limit.
    if (!this.#known.delete(pair)) this.#byKnown.take(pair);
    this.#known.add(pair);
    if (this.#known.size <= maxKnown) return;
    const [oldest] = this.#known;
    if (oldest !== undefined) this.#known.delete(oldest);
  }
}

function pairOf(address: string, account: string): string {
  return `${networkOf(address)} ${account}`;
}
