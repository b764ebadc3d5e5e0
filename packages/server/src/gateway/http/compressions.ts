import type { ServerResponse } from 'node:http';
import { networkOf } from '../server/address-network.js';

/**
 * Responses that are compressed at once: each takes some megabytes of memory and, while its client
 * reads, one of the four threads that also serve files and passwords.
 */
const most = 64;

/** Of one address, whatever their size. */
const mostLarge = 2;

/** Of one address if they are small: a browser has six connections, and asks for the files of a page at once. */
const mostSmall = 8;

/** Bytes of the responses of one address up to which they are small. */
const smallBytes = 2 * 1024 * 1024;

/** Counts the responses that are being compressed (rule LIM47). */
export class Compressions {
  readonly #byNetwork = new Map<string, { count: number; bytes: number }>();
  #running = 0;

  /**
   * False: it has to be sent as it is. After true it counts until the response is over. `bytes`: of
   * its body; infinite if that is not known.
   */
  begin(
    address: string,
    response: Pick<ServerResponse, 'once' | 'destroyed'>,
    bytes = Number.POSITIVE_INFINITY,
  ): boolean {
    // Its client is gone, and nobody would tell that it is over.
    if (response.destroyed) return false;
    const network = networkOf(address);
    const running = this.#byNetwork.get(network) ?? { count: 0, bytes: 0 };
    // What is not known is large; a finite number can be given back.
    const size = Math.min(bytes, smallBytes + 1);
    const allowed = running.bytes + size <= smallBytes ? mostSmall : mostLarge;
    if (this.#running >= most || running.count >= allowed) return false;
    this.#running += 1;
    running.count += 1;
    running.bytes += size;
    this.#byNetwork.set(network, running);
    response.once('close', () => {
      this.#running -= 1;
      running.count -= 1;
      running.bytes -= size;
      if (running.count === 0) this.#byNetwork.delete(network);
    });
    return true;
  }
}
