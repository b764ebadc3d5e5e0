import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { auditEvents, configKeys, configTable, limitsTable } from '@really/server/internal';
import { expect, test } from 'vitest';
import { dashboard } from './dashboard.js';
import { metricsIn, metricsOfServer, metricsTable, scrape } from './metrics-table.js';
import { root } from './sources.js';

const page = readFileSync(join(root, 'docs/configuration.md'), 'utf8');

test('docs/configuration.md lists every key (if not: node scripts/docs.mjs)', () => {
  expect(page).toContain(configTable());
  for (const key of configKeys) expect(page).toContain(`| \`${key}\` |`);
});

test('docs/limits.md lists every limit (if not: node scripts/docs.mjs)', () => {
  const limits = readFileSync(join(root, 'docs/limits.md'), 'utf8');
  expect(limits).toContain(limitsTable());
});

test('docs/configuration.md and the dashboard have every metric (if not: node scripts/docs.mjs)', async () => {
  const { own, process } = await metricsOfServer();
  expect(own.map(({ name }) => name)).toContain('really_connections');
  expect(process.map(({ name }) => name)).toContain('really_nodejs_eventloop_lag_p99_seconds');
  expect(page).toContain(metricsTable(own));
  const made = dashboard(own, process);
  const shown = new Set(
    JSON.parse(made).panels.flatMap(({ targets = [] }: { targets?: { expr: string }[] }) =>
      targets.map(({ expr }) => /\b(really_\w+?)(?:_bucket)?\{/.exec(expr)?.[1]),
    ),
  );
  for (const { name } of [...own, ...process]) expect(shown, name).toContain(name);
  expect(readFileSync(join(root, 'ops/grafana/really.json'), 'utf8')).toBe(made);
});

test('[HTTP2] metric names follow the conventions of both formats', async () => {
  const metrics = metricsIn(await scrape());
  for (const { name, type } of metrics) {
    expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
  }
  const open = metricsIn(await scrape('application/openmetrics-text'));
  const families = metrics.map(({ name }) => name.replace(/_total$/, ''));
  expect(open.map(({ name }) => name).toSorted()).toEqual(families.toSorted());
  expect(new Set(families).size).toBe(families.length);
});

test('docs/auth.md lists every event of the audit log', () => {
  const text = readFileSync(join(root, 'docs/auth.md'), 'utf8');
  const rows = Object.entries(auditEvents).map(([event, what]) => `| \`${event}\` | ${what} |`);
  expect(text).toContain(['| event | when |', '|---|---|', ...rows].join('\n'));
});

test('README.md leads to every page of docs/', () => {
  const text = readFileSync(join(root, 'README.md'), 'utf8');
  const pages = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
  for (const page of pages) expect(text).toContain(`(docs/${page})`);
});

test('the title of each decision has the number of its file', () => {
  const files = readdirSync(join(root, 'docs/decisions'));
  expect(files.length).toBeGreaterThan(20);
  for (const file of files) {
    const [title = ''] = readFileSync(join(root, 'docs/decisions', file), 'utf8').split('\n');
    expect(title).toMatch(new RegExp(`^# ${Number.parseInt(file, 10)}\\. [A-Z]`));
  }
});

test('every bound is a metric, in the unit that its name says', async () => {
  const text = await scrape();
  const bound = (key: string) =>
    Number(text.split(`really_limit{key="${key}"} `)[1]?.split('\n')[0]);
  const keys = configKeys.filter((key) => /^(limits|rate)\./.test(key));
  for (const key of keys) expect(bound(key), key).toBeGreaterThanOrEqual(0);
  expect([bound('limits.message'), bound('limits.queryTime'), bound('rate.login')]).toEqual([
    1_048_576, 5, 10,
  ]);
});
