/** How many connections there are, in all and by address (rule LIM6). */
export class ConnectionCount {
  readonly #limits: { readonly connections: number; readonly connectionsPerAddress: number };
  readonly #byAddress = new Map<string, number>();
  #total = 0;

  constructor(limits: { readonly connections: number; readonly connectionsPerAddress: number }) {
    this.#limits = limits;
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
    this.#total++;
    this.#byAddress.set(address, here + 1);
    return true;
  }

  leave(address: string): void {
    const here = this.#byAddress.get(address) ?? 0;
    this.#total--;
    if (here > 1) this.#byAddress.set(address, here - 1);
    else this.#byAddress.delete(address);
  }
}
