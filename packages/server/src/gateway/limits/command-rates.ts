import type { Rates } from '../../platform/limits.js';
import type { Clock } from '../../platform/platform.js';
import { RateLimit } from '../../platform/scheduling/rate-limit.js';
import { networkOf } from '../server/address-network.js';

export interface CommandRatesOptions extends Pick<Rates, 'commands' | 'address'> {
  readonly clock: Clock;
  readonly limited: (by: 'uid' | 'address') => void;
}

const second = 1000;

/** Limits the commands of a uid and of an address (rule LIM5). */
export class CommandRates {
  readonly #byUid: RateLimit;
  readonly #byAddress: RateLimit;
  readonly #refusedByUid: RateLimit;
  readonly #refusedByAddress: RateLimit;
  readonly #renewedByUid: RateLimit;
  readonly #renewedByAddress: RateLimit;
  readonly #limited: CommandRatesOptions['limited'];

  constructor({ commands, address, clock, limited }: CommandRatesOptions) {
    const byUid = { amount: commands, window: second, clock };
    const byAddress = { amount: address, window: second, clock, groupOf: networkOf };
    this.#byUid = new RateLimit(byUid);
    this.#byAddress = new RateLimit(byAddress);
    // A refusal costs as much as a command, so it has the same rate.
    this.#refusedByUid = new RateLimit(byUid);
    this.#refusedByAddress = new RateLimit(byAddress);
    this.#renewedByUid = new RateLimit(byUid);
    this.#renewedByAddress = new RateLimit(byAddress);
    this.#limited = limited;
  }

  /** Uids and addresses with a state. */
  get size(): number {
    const refused = this.#refusedByUid.size + this.#refusedByAddress.size;
    const renewed = this.#renewedByUid.size + this.#renewedByAddress.size;
    return this.#byUid.size + this.#byAddress.size + refused + renewed;
  }

  /**
   * Takes this many commands. Returns 0 if granted, else the seconds after which to retry, with
   * nothing taken.
   */
  take(address: string, uid: string | undefined, commands = 1): number {
    const ofAddress = this.#byAddress.take(address, commands);
    if (ofAddress > 0) this.#limited('address');
    if (ofAddress > 0 || uid === undefined) return ofAddress;
    const ofUid = this.#byUid.take(uid, commands);
    if (ofUid > 0) {
      this.#limited('uid');
      this.#byAddress.giveBack(address, commands);
    }
    return ofUid;
  }

  /**
   * Counts a refused command. Returns 0, or the seconds for which to stop reading its sender,
   * because refusals exceed the rate of commands (rule LIM28).
   */
  refuse(address: string, uid: string | undefined): number {
    const ofAddress = this.#refusedByAddress.take(address);
    const ofUid = uid === undefined ? 0 : this.#refusedByUid.take(uid);
    return Math.max(ofAddress, ofUid);
  }

  /**
   * A token was renewed or a connection resumed, and what has to be authorized again costs this many
   * commands. Returns the milliseconds for which to stop reading its sender, or to wait, so that it
   * does so no faster than it may subscribe (rule LIM43).
   */
  renewed(address: string, uid: string, commands: number): number {
    if (commands === 0) return 0;
    const ofAddress = this.#renewedByAddress.owe(address, commands);
    return Math.max(ofAddress, this.#renewedByUid.owe(uid, commands));
  }

  /** Undoes a call of `renewed`: nothing was authorized. */
  giveBackRenewed(address: string, uid: string, commands: number): void {
    this.#renewedByAddress.giveBack(address, commands);
    this.#renewedByUid.giveBack(uid, commands);
  }
}
