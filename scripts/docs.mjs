// Writes the tables of docs/configuration.md and docs/limits.md and the Grafana dashboard from the program itself: `node scripts/docs.mjs` after
// a build. A test says when that is due.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configTable, limitsTable } from '../packages/server/dist/internal.js';
import { dashboard } from '../test/dist/conventions/dashboard.js';
import { metricsOfServer, metricsTable } from '../test/dist/conventions/metrics-table.js';
import { root } from './prepare.mjs';

const file = join(root, 'docs/configuration.md');
let page = readFileSync(file, 'utf8');
page = fill(page, 'keys', configTable());
const metrics = await metricsOfServer();
page = fill(page, 'metrics', metricsTable(metrics.own));
writeFileSync(file, page);
const limitsFile = join(root, 'docs/limits.md');
writeFileSync(limitsFile, fill(readFileSync(limitsFile, 'utf8'), 'limits', limitsTable()));
writeFileSync(join(root, 'ops/grafana/really.json'), dashboard(metrics.own, metrics.process));

function fill(text, name, table) {
  const start = `<!-- ${name}: made by scripts/docs.mjs -->`;
  const end = `<!-- end of ${name} -->`;
  const [before, rest] = text.split(start);
  return `${before}${start}\n\n${table}\n\n${end}${rest.split(end)[1]}`;
}
