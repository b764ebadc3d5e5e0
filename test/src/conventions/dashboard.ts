import type { Metric } from './metrics-table.js';

/** Rows of the dashboard: a title, and the words after `really_` that its metrics begin with. */
const rows: readonly (readonly [title: string, words: readonly string[]])[] = [
  ['Commands', ['command', 'rate', 'queries']],
  [
    'Connections',
    [
      'connection',
      'congested',
      'event_streams',
      'unknown_hosts',
      'frames',
      'bytes',
      'write_batch',
      'parked',
      'resume',
      'stream',
    ],
  ],
  ['Writes', ['commit_', 'write', 'heads', 'outbox', 'once', 'store']],
  [
    'Subscriptions',
    [
      'subscription',
      'query',
      'push',
      'snapshot',
      'conflation',
      'gaps',
      'object_topics',
      'collection_topics',
      'live',
      'window',
    ],
  ],
  [
    'Scripts and models',
    ['script', 'model', 'migration', 'evolution', 'reload', 'hook', 'post_hook', 'dead'],
  ],
  [
    'Accounts, tokens, deliveries',
    [
      'audit',
      'auth',
      'job',
      'token',
      'login',
      'password',
      'account',
      'revo',
      'jwks',
      'deliver',
      'webhook',
      'mail',
      'oidc',
    ],
  ],
];

const other = 'Other';

/**
 * A Grafana dashboard with a panel for each metric: counters as rates, histograms as quantiles, gauges as they
 * are. Made from what the server tells, so that none is missing and none is there that is gone.
 */
export function dashboard(metrics: readonly Metric[], ofProcess: readonly Metric[]): string {
  const grid = new Grid();
  for (const [title, words] of [...rows, [other, []] as const]) {
    const inRow = metrics.filter(
      ({ name }) =>
        rowOf(name) === title ||
        (title === other && words.length === 0 && rowOf(name) === undefined),
    );
    if (inRow.length === 0) continue;
    grid.row(title);
    for (const metric of inRow) grid.panel(metric);
  }
  grid.row('Process');
  for (const metric of ofProcess) grid.panel(metric);
  return `${JSON.stringify(page(grid.panels), undefined, 2)}\n`;
}

function rowOf(name: string): string | undefined {
  const rest = name.slice('really_'.length);
  return rows.find(([, words]) => words.some((word) => rest.startsWith(word)))?.[0];
}

// A variable of Grafana's.
// biome-ignore lint/suspicious/noTemplateCurlyInString: it is no template of ours
const datasource = { type: 'prometheus', uid: '${datasource}' };

/** Places panels from left to right, three in a line. */
class Grid {
  readonly panels: object[] = [];
  #x = 0;
  #y = 0;

  row(title: string): void {
    if (this.#x > 0) this.#newLine();
    this.panels.push({
      id: this.panels.length + 1,
      type: 'row',
      title,
      collapsed: false,
      gridPos: { h: 1, w: 24, x: 0, y: this.#y },
      panels: [],
    });
    this.#y += 1;
  }

  panel(metric: Metric): void {
    this.panels.push({
      id: this.panels.length + 1,
      type: 'timeseries',
      title: titleOf(metric),
      description: metric.help,
      datasource,
      fieldConfig: { defaults: { unit: unitOf(metric), min: 0 }, overrides: [] },
      gridPos: { h: 7, w: 8, x: this.#x, y: this.#y },
      targets: targetsOf(metric),
    });
    this.#x += 8;
    if (this.#x === 24) this.#newLine();
  }

  #newLine(): void {
    this.#x = 0;
    this.#y += 7;
  }
}

function titleOf({ name }: Metric): string {
  const words = name
    .slice('really_'.length)
    .replace(/_total$/, '')
    .replaceAll('_', ' ');
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
}

function unitOf({ name, type }: Metric): string {
  const rate = type === 'counter';
  if (/_seconds(?:_total)?$/.test(name)) return rate ? 'percentunit' : 's';
  if (/bytes/.test(name)) return rate ? 'Bps' : 'bytes';
  return rate ? 'ops' : 'short';
}

function targetsOf({ name, type }: Metric): object[] {
  const chosen = `${name}{job=~"$job",instance=~"$instance"}`;
  // A moment, of which one wants to know how long ago it was.
  if (/_start_time_seconds$/.test(name)) return [target(`time() - ${chosen}`, '__auto')];
  if (type === 'histogram') {
    return [0.5, 0.9, 0.99].map((quantile) => {
      const buckets = `${name}_bucket{job=~"$job",instance=~"$instance"}`;
      const expr = `histogram_quantile(${quantile}, sum by (le) (rate(${buckets}[$__rate_interval])))`;
      return target(expr, `p${quantile * 100}`);
    });
  }
  const expr = type === 'counter' ? `rate(${chosen}[$__rate_interval])` : chosen;
  // Grafana names each line by the labels in which it differs from the others.
  return [target(expr, '__auto')];
}

function target(expr: string, legendFormat: string): object {
  return { datasource, expr, legendFormat, refId: legendFormat.toUpperCase() };
}

function page(panels: readonly object[]): object {
  return {
    title: 'Really',
    uid: 'really',
    tags: ['really'],
    timezone: 'browser',
    schemaVersion: 39,
    version: 1,
    refresh: '30s',
    time: { from: 'now-1h', to: 'now' },
    templating: {
      list: [
        { name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Source' },
        variable('job', 'label_values(really_connections, job)'),
        variable('instance', 'label_values(really_connections{job=~"$job"}, instance)'),
      ],
    },
    panels,
  };
}

function variable(name: string, query: string): object {
  return { name, type: 'query', datasource, query, multi: true, includeAll: true, refresh: 2 };
}
