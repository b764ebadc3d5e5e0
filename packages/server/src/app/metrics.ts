import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Metrics } from '../platform/metrics.js';

/** The metrics of one server, and their text for Prometheus. */
export interface ServerMetrics extends Metrics {
  /** What `/metrics` answers. */
  text(): Promise<string>;
  readonly contentType: string;
}

/** Metrics in a registry of their own, so that two servers fit in one process. */
export function prometheusMetrics(): ServerMetrics {
  const registers = [new Registry()];
  const [registry = new Registry()] = registers;
  collectDefaultMetrics({ register: registry, prefix: 'really_' });
  const labelled = (labels: readonly string[] | undefined) => [...(labels ?? [])];
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    counter(name, help, labels) {
      const counter = new Counter({ name, help, registers, labelNames: labelled(labels) });
      return { add: (amount = 1, ...values) => counter.labels(...values).inc(amount) };
    },
    gauge(name, help, labels) {
      const gauge = new Gauge({ name, help, registers, labelNames: labelled(labels) });
      return { set: (value, ...values) => gauge.labels(...values).set(value) };
    },
    observe(name, help, read) {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read());
        },
      });
    },
    histogram(name, help, buckets, labels) {
      const labelNames = labelled(labels);
      const histogram = new Histogram({
        name,
        help,
        registers,
        labelNames,
        buckets: [...buckets],
      });
      return { record: (value, ...values) => histogram.labels(...values).observe(value) };
    },
  };
}
