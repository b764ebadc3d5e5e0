import type { Metrics } from './metrics.js';

/**
 * Readable metrics for tests: sums of counters, and current values of gauges. With label values
 * appended to the name it is that series: `really_limit_used limits.outputBuffer`.
 */
export class Readings implements Metrics {
  readonly #levels = new Map<string, () => number>();
  readonly #sums = new Map<string, number>();

  /** Throws if there is no such metric. */
  read(name: string): number {
    const level = this.#levels.get(name)?.() ?? this.#sums.get(name);
    if (level === undefined) throw new Error(`there is no metric ${name}`);
    return level;
  }

  counter(name: string) {
    this.#sums.set(name, 0);
    return {
      add: (amount = 1, ...labels: string[]) => {
        for (const series of new Set([name, [name, ...labels].join(' ')])) {
          this.#sums.set(series, (this.#sums.get(series) ?? 0) + amount);
        }
      },
    };
  }

  gauge(name: string) {
    return { set: (value: number) => void this.#sums.set(name, value) };
  }

  observe(
    name: string,
    _help: string,
    read: () => number,
    labels: Readonly<Record<string, string>> = {},
  ): void {
    this.#levels.set([name, ...Object.values(labels)].join(' '), read);
  }

  histogram() {
    return { record() {}, recordTraced() {} };
  }
}
