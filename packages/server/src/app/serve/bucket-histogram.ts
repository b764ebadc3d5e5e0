import { Histogram, type HistogramConfiguration } from 'prom-client';

/**
 * A histogram of the library whose series count by themselves: the library looks a series and its
 * bucket up by texts for each value, which takes as long as some steps of a command.
 */
export class BucketHistogram extends Histogram {
  readonly #config: HistogramConfiguration<string>;
  readonly #series = new Map<string, BucketCounts>();

  constructor(config: HistogramConfiguration<string> & { readonly labelNames: string[] }) {
    super(config);
    this.#config = config;
    if (config.labelNames.length === 0) this.series([]);
  }

  /** The series with these values of the labels, in the order of their names. */
  series(values: readonly string[]): BucketCounts {
    const key = JSON.stringify(values);
    const known = this.#series.get(key);
    if (known) return known;
    const { labelNames = [], buckets = [] } = this.#config;
    const labels = labelNames.map((name, index) => [name, values[index] ?? ''] as const);
    const made = new BucketCounts(Object.fromEntries(labels), buckets);
    this.#series.set(key, made);
    return made;
  }

  /** What the library renders texts from, and `get` answers. */
  async getForPromString() {
    const { name, help } = this.#config;
    const values = [...this.#series.values()].flatMap((series) => series.values(name));
    return { name, help, type: 'histogram', aggregator: 'sum', values };
  }
}

/** A value with the id of the trace that it comes from (OpenMetrics). */
interface Exemplar {
  readonly labelSet: { readonly trace_id: string };
  readonly value: number;
  /** In seconds since the Unix epoch. */
  readonly timestamp: number;
}

/** One series of a histogram. */
export class BucketCounts {
  readonly #labels: Readonly<Record<string, string>>;
  /** The upper bounds of the buckets, in order. */
  readonly #bounds: readonly number[];
  /** Of each bucket, and of what is beyond the last one. */
  readonly #counts: number[];
  readonly #exemplars: (Exemplar | undefined)[] = [];
  #sum = 0;

  constructor(labels: Readonly<Record<string, string>>, bounds: readonly number[]) {
    this.#labels = labels;
    this.#bounds = bounds;
    this.#counts = [...bounds, Number.POSITIVE_INFINITY].map(() => 0);
  }

  record(value: number, exemplar?: Exemplar): void {
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] ?? 0)) bucket += 1;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sum += value;
    if (exemplar) this.#exemplars[bucket] = exemplar;
  }

  /** As the library has them: what is in or below each bucket, the sum, and the number of all. */
  values(name: string) {
    const sharedLabels = this.#labels;
    let count = 0;
    const buckets = this.#counts.map((own, bucket) => {
      count += own;
      const labels = { le: this.#bounds[bucket] ?? '+Inf' };
      const exemplar = this.#exemplars[bucket];
      return { labels, sharedLabels, value: count, metricName: `${name}_bucket`, exemplar };
    });
    return [
      ...buckets,
      { labels: {}, sharedLabels, value: this.#sum, metricName: `${name}_sum` },
      { labels: {}, sharedLabels, value: count, metricName: `${name}_count` },
    ];
  }
}
