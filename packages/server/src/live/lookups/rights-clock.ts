import type { Model } from '../../model/model.js';

/**
 * Counts, for each model, how often an object changed that its rights depend on: what was authorized at an earlier
 * time has to be authorized again.
 */
export class RightsClock {
  readonly #times = new WeakMap<Model, number>();
  #total = 0;

  /** Of all models together. */
  get total(): number {
    return this.#total;
  }

  timeOf(model: Model): number {
    return this.#times.get(model) ?? 0;
  }

  advance(model: Model): void {
    this.#times.set(model, this.timeOf(model) + 1);
    this.#total += 1;
  }
}
