interface Bounds {
  readonly connections: number;
  readonly connectionsPerAddress: number;
}

/** How many connections a node has, of all its apps. */
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

/** How many connections an app has, in all and by address (rule LIM6). */
export class ConnectionCount {
  readonly #limits: Bounds;
  readonly #node: NodeCount;
  readonly #byAddress = new Map<string, number>();
  #total = 0;

  constructor(limits: Bounds, node = new NodeCount(limits.connections)) {
    this.#limits = limits;
    this.#node = node;
  }

  get total(): number {
    return this.#total;
  }

  /** Addresses that have a connection. */
  get addresses(): number {
    return this.#byAddress.size;
  }

  /** Counts one more, unless a limit is reached: `false` then. Whoever got `true` owes a `leave`. */
  enter(address: string): boolean {
    const here = this.#byAddress.get(address) ?? 0;
    const { connections, connectionsPerAddress } = this.#limits;
    if (this.#total >= connections || here >= connectionsPerAddress) return false;
    if (!this.#node.enter()) return false;
    this.#total++;
    this.#byAddress.set(address, here + 1);
    return true;
  }

  leave(address: string): void {
    const here = this.#byAddress.get(address) ?? 0;
    this.#node.leave();
    this.#total--;
    if (here > 1) this.#byAddress.set(address, here - 1);
    else this.#byAddress.delete(address);
  }
}
