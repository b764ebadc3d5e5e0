import type { Model } from '../../model/model.js';

/**
 * Counts, for each model, how often an object changed that its rights depend on: what was authorized at an earlier
 * time has to be authorized again.
 */
export class RightsClock {
  readonly #times = new WeakMap<Model, number>();

  timeOf(model: Model): number {
    return this.#times.get(model) ?? 0;
  }

  advance(model: Model): void {
    this.#times.set(model, this.timeOf(model) + 1);
  }
}
