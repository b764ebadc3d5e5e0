import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { configKeys, configTable } from '@really/server/internal';
import { expect, test } from 'vitest';
import { metricsTable } from './metrics-table.js';
import { root } from './sources.js';

const page = readFileSync(join(root, 'docs/configuration.md'), 'utf8');

test('docs/configuration.md tells every key (if not: node scripts/docs.mjs)', () => {
  expect(page).toContain(configTable());
  for (const key of configKeys) expect(page).toContain(`| \`${key}\` |`);
});

test('docs/configuration.md tells every metric (if not: node scripts/docs.mjs)', async () => {
  const table = await metricsTable();
  expect(table).toContain('really_connections');
  expect(page).toContain(table);
});
