import {
  Counter,
  collectDefaultMetrics,
  Gauge,
  type GaugeConfiguration,
  type Metric,
  Registry,
  type RegistryContentType,
} from 'prom-client';
import type { MetricsFormat, MetricsText } from '../../gateway/options.js';
import type { Metrics } from '../../platform/metrics.js';
import type { Clock } from '../../platform/platform.js';
import { systemPlatform } from '../../platform/system.js';
import { BucketHistogram } from './bucket-histogram.js';

/** The metrics of one server, and their text for Prometheus. */
export interface ServerMetrics extends Metrics {
  /** The text of `/metrics`: OpenMetrics, which has exemplars, or the Prometheus format. */
  text(format?: MetricsFormat): Promise<MetricsText>;
  /** The metrics of one of several apps: every series has its clientid as `app`. All apps have the same metrics. */
  ofApp(clientid: string): Metrics;
}

/** For the times of exemplars. */
type MetricsClock = Pick<Clock, 'now'>;

/** Metrics in a registry of their own, so that two servers fit in one process. */
export function prometheusMetrics(clock: MetricsClock = systemPlatform.clock): ServerMetrics {
  const registry = new Registry<RegistryContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  collectDefaultMetrics({ register: registry, prefix: 'really_' });
  // Gauges named like a counter, and sums of other metrics.
  for (const what of ['handles', 'requests', 'resources']) {
    registry.removeSingleMetric(`really_nodejs_active_${what}_total`);
  }
  const families = new MetricFamilies(registry, clock);
  return {
    ...metricsOf(families, undefined),
    text: textsOf(registry, families),
    ofApp: (clientid) => metricsOf(families, clientid),
  };
}

const contentTypes = {
  openmetrics: Registry.OPENMETRICS_CONTENT_TYPE,
  prometheus: Registry.PROMETHEUS_CONTENT_TYPE,
} as const;

/** Renders one text after the other, because a registry has one format at a time. */
function textsOf(
  registry: Registry<RegistryContentType>,
  families: MetricFamilies,
): ServerMetrics['text'] {
  let last: Promise<unknown> = Promise.resolve();
  const write = async (contentType: RegistryContentType): Promise<MetricsText> => {
    families.settle();
    registry.setContentType(contentType);
    const names = registry.getMetricsAsArray().map((metric) => [metric, metric.name] as const);
    try {
      return { text: await registry.metrics(), contentType };
    } finally {
      // The OpenMetrics rendering removes `_total` from a counter's name and does not put it back.
      for (const [metric, name] of names) Object.assign(metric, { name });
    }
  };
  return (format = 'prometheus') => {
    const written = last.then(() => write(contentTypes[format]));
    last = written.catch(() => {});
    return written;
  };
}

function metricsOf(families: MetricFamilies, app: string | undefined): Metrics {
  const { registers } = families;
  const names = app === undefined ? [] : ['app'];
  const apps = app === undefined ? [] : [app];
  return {
    counter(name, help, labels = []) {
      const labelNames = [...names, ...labels];
      const counter = families.get(name, () => new Counter({ name, help, registers, labelNames }));
      const series = new SeriesTree((values) => {
        const { inc } = counter.labels(...apps, ...values);
        const counted = new CountedSeries(inc);
        families.settling.push(counted);
        return counted;
      });
      if (labels.length === 0) {
        // From the beginning, with 0: for Prometheus, a series that appears with 1 has not increased.
        const only = series.of([]);
        return { add: (amount = 1) => only.add(amount) };
      }
      return { add: (amount = 1, ...values) => series.of(values).add(amount) };
    },
    gauge(name, help, labels = []) {
      const labelNames = [...names, ...labels];
      const gauge = families.get(name, () => new Gauge({ name, help, registers, labelNames }));
      return { set: (value, ...values) => gauge.labels(...apps, ...values).set(value) };
    },
    observe(name, help, read, labels = {}) {
      const labelNames = [...names, ...Object.keys(labels)];
      const observed = { labels: [...apps, ...Object.values(labels)], read };
      families.observe({ name, help, registers, labelNames }, observed);
    },
    histogram(name, help, buckets, labels = []) {
      const labelNames = [...names, ...labels];
      const histogram = families.get(name, () => {
        return new BucketHistogram({ name, help, registers, labelNames, buckets: [...buckets] });
      });
      const series = new SeriesTree((values) => histogram.series([...apps, ...values]));
      return {
        record: (value, ...values) => series.of(values).record(value),
        recordTraced(traceId, value, ...values) {
          if (traceId === undefined || traceId.length > longestExample) {
            series.of(values).record(value);
            return;
          }
          const timestamp = families.clock.now() / 1000;
          series.of(values).record(value, { labelSet: { trace_id: traceId }, value, timestamp });
        },
      };
    },
  };
}

/** What records a value in each series of a metric, made on its first use: to find it takes longer than to use it. */
class SeriesTree<T> {
  readonly #make: (labels: readonly string[]) => T;
  readonly #root: SeriesNode<T> = {};

  constructor(make: (labels: readonly string[]) => T) {
    this.#make = make;
  }

  of(labels: readonly string[]): T {
    let node = this.#root;
    for (const label of labels) {
      node.byLabel ??= new Map();
      let next = node.byLabel.get(label);
      if (!next) {
        next = {};
        node.byLabel.set(label, next);
      }
      node = next;
    }
    node.series ??= this.#make(labels);
    return node.series;
  }
}

interface SeriesNode<T> {
  series?: T;
  byLabel?: Map<string, SeriesNode<T>>;
}

/** A series of a counter: added up here, and passed on when somebody asks. */
class CountedSeries {
  readonly #increase: (amount: number) => void;
  #unsettled = 0;
  /** Also a series of 0 has to be seen. */
  #isKnown = false;

  constructor(increase: (amount: number) => void) {
    this.#increase = increase;
  }

  add(amount: number): void {
    this.#unsettled += amount;
  }

  settle(): void {
    const amount = this.#unsettled;
    if (amount === 0 && this.#isKnown) return;
    this.#unsettled = 0;
    this.#isKnown = true;
    this.#increase(amount);
  }
}

/** In characters: together with its name it may have 128. */
const longestExample = 100;

interface ObservedMetric {
  readonly labels: readonly string[];
  readonly read: () => number;
}

/** The registered metrics, each once, however many apps use it. */
class MetricFamilies {
  readonly registers: [Registry<RegistryContentType>];
  readonly clock: MetricsClock;
  /** Of all counters: they may have counts that the registry does not have yet. */
  readonly settling: CountedSeries[] = [];
  readonly #made = new Map<string, Metric>();
  readonly #observed = new Map<string, ObservedMetric[]>();

  constructor(registry: Registry<RegistryContentType>, clock: MetricsClock) {
    this.clock = clock;
    this.registers = [registry];
  }

  settle(): void {
    for (const series of this.settling) series.settle();
  }

  get<T extends Metric>(name: string, make: () => T): T {
    // The caller knows its type: the registry refuses another type under the same name.
    const made = (this.#made.get(name) as T | undefined) ?? make();
    this.#made.set(name, made);
    return made;
  }

  observe(gauge: GaugeConfiguration<string>, observed: ObservedMetric): void {
    const { name } = gauge;
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
    const collect = function (this: Gauge) {
      for (const { labels, read } of all) this.labels(...labels).set(read());
    };
    this.get(name, () => new Gauge({ ...gauge, collect }));
  }
}
