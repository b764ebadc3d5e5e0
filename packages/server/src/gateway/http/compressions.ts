import type { ServerResponse } from 'node:http';
import { networkOf } from '../server/address-network.js';

/**
 * Responses that are compressed at once: each takes some megabytes of memory and, while its client
 * reads, one of the four threads that also serve files and passwords.
 */
const most = 64;
const mostOfAddress = 2;

/** Counts the responses that are being compressed (rule LIM47). */
export class Compressions {
  readonly #byNetwork = new Map<string, number>();
  #running = 0;

  /** False: it has to be sent as it is. After true it counts until the response is over. */
  begin(address: string, response: Pick<ServerResponse, 'once' | 'destroyed'>): boolean {
    // Its client is gone, and nobody would tell that it is over.
    if (response.destroyed) return false;
    const network = networkOf(address);
    const ofNetwork = this.#byNetwork.get(network) ?? 0;
    if (this.#running >= most || ofNetwork >= mostOfAddress) return false;
    this.#running += 1;
    this.#byNetwork.set(network, ofNetwork + 1);
    response.once('close', () => this.#end(network));
    return true;
  }

  #end(network: string): void {
    this.#running -= 1;
    const left = (this.#byNetwork.get(network) ?? 1) - 1;
    if (left > 0) this.#byNetwork.set(network, left);
    else this.#byNetwork.delete(network);
  }
}
