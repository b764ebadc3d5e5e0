/**
 * The port to metrics. Each metric is declared where it is counted. Names begin with `really_` and end with their unit (`_seconds`, `_bytes`),
 * those of counters with `_total`; labels have few values, never a uid or an R.
 */
export interface Metrics {
  counter(name: string, help: string, labels?: readonly string[]): Counter;
  gauge(name: string, help: string, labels?: readonly string[]): Gauge;
  /**
   * A gauge that is read on a scrape. Several with one name have different `labels` with the same
   * label names.
   */
  observe(
    name: string,
    help: string,
    read: () => number,
    labels?: Readonly<Record<string, string>>,
  ): void;
  histogram(
    name: string,
    help: string,
    buckets: readonly number[],
    labels?: readonly string[],
  ): Histogram;
}

export interface Counter {
  add(amount?: number, ...labels: string[]): void;
}

export interface Gauge {
  set(value: number, ...labels: string[]): void;
}

export interface Histogram {
  record(value: number, ...labels: string[]): void;
  /** With a trace id as the exemplar of its bucket. */
  recordTraced(traceId: string | undefined, value: number, ...labels: string[]): void;
}

export const noMetrics: Metrics = {
  counter: () => ({ add() {} }),
  gauge: () => ({ set() {} }),
  observe() {},
  histogram: () => ({ record() {}, recordTraced() {} }),
};
