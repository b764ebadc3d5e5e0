import { readConfig, startServer } from '@really/server/internal';
import { appFolder } from '../harness/app-folder.js';

/** What a server that was just started tells of its metrics, as the table in docs/configuration.md. */
export async function metricsTable(): Promise<string> {
  const rows = [...(await scrape()).matchAll(/^# HELP (\S+) (.+)\n# TYPE \S+ (\w+)$/gm)]
    .filter(([, name = '']) => !/^really_(process|nodejs)_/.test(name))
    .map(([, name, help, type]) => `| \`${name}\` | ${type} | ${help} |`);
  return ['| metric | type | what it counts |', '|---|---|---|', ...rows.toSorted()].join('\n');
}

async function scrape(): Promise<string> {
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
    return await (await fetch(`${server.url}/metrics`)).text();
  } finally {
    await server.close();
  }
}
