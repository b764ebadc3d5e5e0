import type { Limits } from '../../platform/limits.js';
import { networkOf } from '../server/address-network.js';

type ConnectionLimits = Pick<Limits, 'connections' | 'connectionsPerAddress'>;

/** Counts the connections of a node, over all its apps. */
export class NodeCount {
  readonly #limit: number;
  #total = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  enter(): boolean {
    if (this.#total >= this.#limit) return false;
    this.#total++;
    return true;
  }

  leave(): void {
    this.#total--;
  }
}

/** Connections by address, or by the network of an IPv6 address. */
export class NetworkCount {
  readonly #counts = new Map<string, number>();

  /** Networks with at least one connection. */
  get size(): number {
    return this.#counts.size;
  }

  of(address: string): number {
    return this.#counts.get(networkOf(address)) ?? 0;
  }

  enter(address: string): void {
    this.#counts.set(networkOf(address), this.of(address) + 1);
  }

  leave(address: string): void {
    const left = this.of(address) - 1;
    if (left > 0) this.#counts.set(networkOf(address), left);
    else this.#counts.delete(networkOf(address));
  }
}

/** Counts the connections of an app, in total and by address (rule LIM6). */
export class ConnectionCount {
  readonly #limits: ConnectionLimits;
  readonly #node: NodeCount;
  readonly #byNetwork = new NetworkCount();
  #total = 0;

  constructor(limits: ConnectionLimits, node = new NodeCount(limits.connections)) {
    this.#limits = limits;
    this.#node = node;
  }

  get total(): number {
    return this.#total;
  }

  /** Addresses, or IPv6 networks, with at least one connection. */
  get addresses(): number {
    return this.#byNetwork.size;
  }

  /** Counts another connection; false: a limit is reached. After true, call `leave` once. */
  enter(address: string): boolean {
    const { connections, connectionsPerAddress } = this.#limits;
    if (this.#total >= connections) return false;
    if (this.#byNetwork.of(address) >= connectionsPerAddress || !this.#node.enter()) return false;
    this.#total++;
    this.#byNetwork.enter(address);
    return true;
  }

  leave(address: string): void {
    this.#node.leave();
    this.#total--;
    this.#byNetwork.leave(address);
  }
}
