import type { ClientPlatform } from '../client-platform.js';

/** 2014-09-15T07:12:33Z, from which the server's ids count milliseconds. */
const idEpoch = 1_410_765_153_000n;

/** 96 bits that nobody guesses, as 16 characters that an id may have. */
export function randomText(platform: ClientPlatform): string {
  const base64 = btoa(String.fromCharCode(...platform.randomBytes(12)));
  return base64.replaceAll('+', '-').replaceAll('/', '_');
}

/**
 * Makes ids for creates. They begin as the server's own do, so that the order of ids is that of time
 * whoever chose them, and end with what no other client comes up with: whoever finds such an id taken
 * has taken it.
 */
export class IdMaker {
  readonly #platform: ClientPlatform;
  #last = 0n;

  constructor(platform: ClientPlatform) {
    this.#platform = platform;
  }

  next(): string {
    const time = (BigInt(Math.floor(this.#platform.now())) - idEpoch) << 22n;
    this.#last = time > this.#last ? time : this.#last + 1n;
    return `${this.#last}-${randomText(this.#platform)}`;
  }
}
