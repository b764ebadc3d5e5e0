import { readConfig, startServer } from '@really/server/internal';
import { appFolder } from '../harness/app-folder.js';

/** A scraped metric. */
export interface Metric {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
}

/** The metrics of a server that was just started, in the order of their names; those of Node.js and the process apart. */
export async function metricsOfServer(): Promise<{ own: Metric[]; process: Metric[] }> {
  const metrics = metricsIn(await scrape());
  const isOfProcess = ({ name }: Metric) => /^really_(process|nodejs)_/.test(name);
  return {
    own: metrics.filter((metric) => !isOfProcess(metric)),
    process: metrics.filter(isOfProcess),
  };
}

/** The metrics in a text, sorted by name. */
export function metricsIn(text: string): Metric[] {
  return [...text.matchAll(/^# HELP (\S+) (.+)\n# TYPE \S+ (\w+)$/gm)]
    .map(([, name = '', help = '', type]) => {
      return { name, help, type: type as Metric['type'] };
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** The table in docs/configuration.md. */
export function metricsTable(metrics: readonly Metric[]): string {
  const rows = metrics.map(({ name, help, type }) => `| \`${name}\` | ${type} | ${help} |`);
  return ['| metric | type | what it counts |', '|---|---|---|', ...rows].join('\n');
}

/** What `/metrics` of a server that was just started says. */
export async function scrape(accept = 'text/plain'): Promise<string> {
  await using app = await appFolder({
    'models/a/model.yaml': 'version: 1\nfields: { n: { type: Long } }\n',
  });
  const config = readConfig({
    mode: 'development',
    folder: app.dir,
    environment: {},
    flags: { port: '0', store: 'sqlite' },
  });
  const server = await startServer(config);
  try {
    return await (await fetch(`${server.url}/metrics`, { headers: { accept } })).text();
  } finally {
    await server.close();
  }
}
