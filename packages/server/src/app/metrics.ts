import {
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  type Metric,
  Registry,
} from 'prom-client';
import type { Metrics } from '../platform/metrics.js';

/** The metrics of one server, and their text for Prometheus. */
export interface ServerMetrics extends Metrics {
  /** What `/metrics` answers. */
  text(): Promise<string>;
  readonly contentType: string;
  /** Where one app of several counts: as `app` every series has its clientid. All of them count the same things. */
  ofApp(clientid: string): Metrics;
}

/** Metrics in a registry of their own, so that two servers fit in one process. */
export function prometheusMetrics(): ServerMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'really_' });
  const families = new Families(registry);
  return {
    ...metricsOf(families, undefined),
    contentType: registry.contentType,
    text: () => registry.metrics(),
    ofApp: (clientid) => metricsOf(families, clientid),
  };
}

function metricsOf(families: Families, app: string | undefined): Metrics {
  const names = app === undefined ? [] : ['app'];
  const apps = app === undefined ? [] : [app];
  return {
    counter(name, help, labels = []) {
      const labelNames = [...names, ...labels];
      const counter = families.get(name, (registers) => {
        return new Counter({ name, help, registers, labelNames });
      });
      return { add: (amount = 1, ...values) => counter.labels(...apps, ...values).inc(amount) };
    },
    gauge(name, help, labels = []) {
      const labelNames = [...names, ...labels];
      const gauge = families.get(name, (registers) => {
        return new Gauge({ name, help, registers, labelNames });
      });
      return { set: (value, ...values) => gauge.labels(...apps, ...values).set(value) };
    },
    observe(name, help, read) {
      families.observe(name, { help, labelNames: names, labels: apps, read });
    },
    histogram(name, help, buckets, labels = []) {
      const labelNames = [...names, ...labels];
      const histogram = families.get(name, (registers) => {
        return new Histogram({ name, help, registers, labelNames, buckets: [...buckets] });
      });
      return {
        record: (value, ...values) => histogram.labels(...apps, ...values).observe(value),
      };
    },
  };
}

interface Observed {
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly labels: readonly string[];
  readonly read: () => number;
}

/** The metrics that are registered, each once, however many apps count in it. */
class Families {
  readonly #registers: [Registry];
  readonly #made = new Map<string, Metric>();
  readonly #observed = new Map<string, Observed[]>();

  constructor(registry: Registry) {
    this.#registers = [registry];
  }

  get<T extends Metric>(name: string, make: (registers: [Registry]) => T): T {
    // Who names a metric knows what it is: another kind under that name would be refused by the registry.
    const made = (this.#made.get(name) as T | undefined) ?? make(this.#registers);
    this.#made.set(name, made);
    return made;
  }

  observe(name: string, observed: Observed): void {
    const known = this.#observed.get(name);
    if (known?.some(({ labels }) => labels.join() === observed.labels.join())) {
      throw new Error(`${name} is observed already`);
    }
    if (known) {
      known.push(observed);
      return;
    }
    const all = [observed];
    this.#observed.set(name, all);
    this.get(name, (registers) => {
      const { help, labelNames } = observed;
      return new Gauge({
        name,
        help,
        registers,
        labelNames: [...labelNames],
        collect() {
          for (const { labels, read } of all) this.labels(...labels).set(read());
        },
      });
    });
  }
}
