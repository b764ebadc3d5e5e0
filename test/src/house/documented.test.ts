import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { auditEvents, configKeys, configTable } from '@really/server/internal';
import { expect, test } from 'vitest';
import { dashboard } from './dashboard.js';
import { metricsOfServer, metricsTable } from './metrics-table.js';
import { root } from './sources.js';

const page = readFileSync(join(root, 'docs/configuration.md'), 'utf8');

test('docs/configuration.md tells every key (if not: node scripts/docs.mjs)', () => {
  expect(page).toContain(configTable());
  for (const key of configKeys) expect(page).toContain(`| \`${key}\` |`);
});

test('docs/configuration.md and the dashboard tell every metric (if not: node scripts/docs.mjs)', async () => {
  const metrics = await metricsOfServer();
  expect(metrics.map(({ name }) => name)).toContain('really_connections');
  expect(page).toContain(metricsTable(metrics));
  const made = dashboard(metrics);
  for (const { name } of metrics) expect(made).toContain(name);
  expect(readFileSync(join(root, 'ops/grafana/really.json'), 'utf8')).toBe(made);
});

test('docs/auth.md tells every event of the audit log', () => {
  const text = readFileSync(join(root, 'docs/auth.md'), 'utf8');
  const rows = Object.entries(auditEvents).map(([event, what]) => `| \`${event}\` | ${what} |`);
  expect(text).toContain(['| event | when |', '|---|---|', ...rows].join('\n'));
});
