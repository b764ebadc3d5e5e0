import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../platform/platform.js';
import { networkOf } from '../server/address-network.js';
import { isFromForeignPage } from '../server/foreign-pages.js';
import type { Origins } from '../server/origins.js';
import type { AddressRates } from './address-rates.js';
import { RateLimit } from './rate-limit.js';

export interface LoginRatesOptions {
  readonly addresses: AddressRates;
  /** Per minute: of one account from an address that it is known to use, and from all others together; 0 is off. */
  readonly known: number;
  readonly account: number;
  readonly clock: Clock;
  readonly origins: Origins;
}

const minute = 60_000;

/** Pairs of an account and an address that are remembered; beyond: the one used longest ago goes. */
const mostKnown = 100_000;

/**
 * How often somebody may try a password. An address has so many tries, and so has an account, wherever they come from, beside the first
 * of each address in a minute; and where somebody logged in to an account lately, its owner has a share that no other can use up: else
 * whoever guesses would lock them out.
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

  /** Accounts and addresses that are remembered. */
  get size(): number {
    return this.#byAccount.size + this.#byKnown.size + this.#first.size + this.#known.size;
  }

  /** `account`: whose it would be, whether there is one or not. 0: granted. Else the seconds after which it would be. */
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
      // It counts for the address, too, but others there cannot use up what the owner has.
      if (ofKnown === 0) addresses.take(address, request);
      return ofKnown;
    }
    const ofAddress = addresses.take(address, request);
    if (ofAddress > 0 || !share) return ofAddress;
    // Who guesses can not use up the first try of others.
    return this.#first.take(share) === 0 ? 0 : this.#byAccount.take(account);
  }

  /** Whether somebody logged in to this account from there lately. */
  isKnown(address: string, account: string): boolean {
    return this.#known.has(pairOf(address, account));
  }

  /** Somebody logged in. */
  succeeded(address: string, account: string): void {
    const pair = pairOf(address, account);
    // The first one is one of its own share.
    if (!this.#known.delete(pair)) this.#byKnown.take(pair);
    this.#known.add(pair);
    if (this.#known.size <= mostKnown) return;
    const [oldest] = this.#known;
    if (oldest !== undefined) this.#known.delete(oldest);
  }
}

function pairOf(address: string, account: string): string {
  return `${networkOf(address)} ${account}`;
}
