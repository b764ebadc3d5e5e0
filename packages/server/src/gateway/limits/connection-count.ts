import { networkOf } from '../server/address-network.js';

interface ConnectionLimits {
  readonly connections: number;
  readonly connectionsPerAddress: number;
}

/** Counts the connections of a node, over all its apps. */
export class NodeCount {
  readonly #limit: number;
  #total = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get total(): number {
    return this.#total;
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

/** Counts the connections of an app, in total and by address (rule LIM6). */
export class ConnectionCount {
  readonly #limits: ConnectionLimits;
  readonly #node: NodeCount;
  readonly #byNetwork = new Map<string, number>();
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
    const network = networkOf(address);
    const here = this.#byNetwork.get(network) ?? 0;
    const { connections, connectionsPerAddress } = this.#limits;
    if (this.#total >= connections || here >= connectionsPerAddress) return false;
    if (!this.#node.enter()) return false;
    this.#total++;
    this.#byNetwork.set(network, here + 1);
    return true;
  }

  leave(address: string): void {
    const network = networkOf(address);
    const here = this.#byNetwork.get(network) ?? 0;
    this.#node.leave();
    this.#total--;
    if (here > 1) this.#byNetwork.set(network, here - 1);
    else this.#byNetwork.delete(network);
  }
}
