import type { Budgets, SharedBudget } from '../../platform/budget.js';
import { networkOf } from '../server/address-network.js';

/** Holds input that cannot be processed yet: an incomplete message or body, or queued messages. */
export interface InputHolder {
  readonly address: string;
  /** Over the limit and the largest holder: has to drop its input. */
  giveUp(): void;
}

/** Bytes from which a holder is counted: most never hold as much. */
export const worthCounting = 16 * 1024;

/** Memory overhead of a piece of input, in bytes. */
export const perPiece = 256;

class NetworkInput {
  readonly held = new Map<InputHolder, number>();
  sum = 0;

  set(holder: InputHolder, bytes: number): void {
    this.sum += bytes - (this.held.get(holder) ?? 0);
    if (bytes === 0) this.held.delete(holder);
    else this.held.set(holder, bytes);
  }
}

/** Input held in total (rule LIM30): beyond it, the largest holder of the largest address goes. */
export class UnreadInput {
  readonly #budget: SharedBudget<NetworkInput>;
  readonly #networks = new Map<string, NetworkInput>();

  constructor(budgets: Budgets, limit: number) {
    this.#budget = budgets.shared('limits.input', limit);
  }

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
    for (const network of this.#budget.largest()) {
      const largest = [...network.held].sort(([, a], [, b]) => b - a);
      for (const [holder] of largest) {
        if (!this.#budget.isExceeded) return;
        this.set(holder, 0);
        holder.giveUp();
      }
    }
  }
}
