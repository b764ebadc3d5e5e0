import type { Budgets, SharedBudget } from '../../platform/budget.js';
import { networkOf } from '../server/address-network.js';

/** Who holds input of which nothing can be done yet: a message or a body that is not whole, or messages that wait. */
export interface InputHolder {
  readonly address: string;
  /** It holds most, and there is no room for it: lets go of it. */
  giveUp(): void;
}

/** Bytes from which on a holder is looked at: most never hold so much. */
export const worthCounting = 16 * 1024;

/** Bytes that a piece of input takes up beside itself. */
export const perPiece = 256;

/** What the holders of one address hold. */
class NetworkInput {
  readonly held = new Map<InputHolder, number>();
  sum = 0;

  set(holder: InputHolder, bytes: number): void {
    this.sum += bytes - (this.held.get(holder) ?? 0);
    if (bytes === 0) this.held.delete(holder);
    else this.held.set(holder, bytes);
  }
}

/** What of all input is not whole yet, or waits, in all (rule LIM30). Of the greediest address the greediest go first. */
export class UnreadInput {
  readonly #budget: SharedBudget<NetworkInput>;
  readonly #networks = new Map<string, NetworkInput>();

  constructor(budgets: Budgets, limit: number) {
    this.#budget = budgets.shared('limits.input', limit);
  }

  /** What it holds now, all in all. */
  set(holder: InputHolder, bytes: number): void {
    const name = networkOf(holder.address);
    const network = this.#networks.get(name) ?? new NetworkInput();
    network.set(holder, bytes < worthCounting ? 0 : bytes);
    if (network.sum === 0) this.#networks.delete(name);
    else this.#networks.set(name, network);
    this.#budget.set(network, network.sum);
    if (this.#budget.isExceeded) this.#relieve();
  }

  #relieve(): void {
    for (const network of this.#budget.greediest()) {
      const greediest = [...network.held].sort(([, a], [, b]) => b - a);
      for (const [holder] of greediest) {
        if (!this.#budget.isExceeded) return;
        this.set(holder, 0);
        holder.giveUp();
      }
    }
  }
}
