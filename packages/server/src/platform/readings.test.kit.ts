import type { Metrics } from './metrics.js';

/** Metrics that a test reads: what counters add up to, and what gauges say now. */
export class Readings implements Metrics {
  readonly #levels = new Map<string, () => number>();
  readonly #sums = new Map<string, number>();

  /** Throws where there is no such metric. */
  read(name: string): number {
    const level = this.#levels.get(name)?.() ?? this.#sums.get(name);
    if (level === undefined) throw new Error(`there is no metric ${name}`);
    return level;
  }

  counter(name: string) {
    this.#sums.set(name, 0);
    return {
      add: (amount = 1) => {
        this.#sums.set(name, (this.#sums.get(name) ?? 0) + amount);
      },
    };
  }

  gauge(name: string) {
    return { set: (value: number) => void this.#sums.set(name, value) };
  }

  observe(name: string, _help: string, read: () => number): void {
    this.#levels.set(name, read);
  }

  histogram() {
    return { record() {}, recordTraced() {} };
  }
}
