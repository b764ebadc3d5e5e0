import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { metricsIn, scrape } from './metrics-table.js';
import { root } from './sources.js';

interface Rules {
  readonly groups: readonly { readonly rules: readonly { alert: string; expr: string }[] }[];
}

interface RuleTests {
  readonly tests: readonly {
    readonly input_series: readonly { series: string }[];
    readonly alert_rule_test: readonly { alertname: string; exp_alerts: readonly object[] }[];
  }[];
}

const folder = join(root, 'ops/prometheus');
const text = readFileSync(join(folder, 'really.rules.yml'), 'utf8');
const rules = (parse(text) as Rules).groups.flatMap((group) => group.rules);
const { tests } = parse(readFileSync(join(folder, 'really.test.yml'), 'utf8')) as RuleTests;

test('docs/operations.md has the alerts of ops/prometheus', () => {
  expect(readFileSync(join(root, 'docs/operations.md'), 'utf8')).toContain(
    `\`\`\`yaml\n${text}\`\`\``,
  );
});

test('alerts ask for metrics that are there, and for increases of counters alone', async () => {
  const types = new Map(metricsIn(await scrape()).map(({ name, type }) => [name, type]));
  const typeOf = (name: string) =>
    name.endsWith('_bucket') ? types.get(name.slice(0, -'_bucket'.length)) : types.get(name);
  expect(rules.length).toBeGreaterThan(0);
  for (const { alert, expr } of rules) {
    const named = [...expr.matchAll(/really_\w+/g)].map(([name]) => name);
    if (alert !== 'ReallyDown') expect(named.length, alert).toBeGreaterThan(0);
    for (const name of named) expect(typeOf(name), `${alert}: ${name}`).toBeDefined();
    const increasing = [...expr.matchAll(/\b(?:rate|irate|increase)\((really_\w+)/g)];
    const counted = increasing.map(([, name = '']) => name);
    for (const name of counted) {
      const wanted = name.endsWith('_bucket') ? 'histogram' : 'counter';
      expect(typeOf(name), `${alert}: ${name}`).toBe(wanted);
    }
    // And what only ever grows is asked for no other way.
    for (const name of named.filter((one) => !counted.includes(one))) {
      expect(typeOf(name), `${alert}: ${name}`).toBe('gauge');
    }
  }
});

test('each alert has a test in which it is quiet and one in which it fires, with the metrics that it uses', () => {
  for (const { alert, expr } of rules) {
    const cases = tests.flatMap(({ alert_rule_test, input_series }) =>
      alert_rule_test
        .filter(({ alertname }) => alertname === alert)
        .map(({ exp_alerts }) => ({ fires: exp_alerts.length > 0, input_series })),
    );
    expect(new Set(cases.map(({ fires }) => fires)), alert).toEqual(new Set([true, false]));
    const given = cases.flatMap(({ input_series }) => input_series.map(({ series }) => series));
    for (const [name] of expr.matchAll(/really_\w+|\bup\b/g)) {
      expect(
        given.some((series) => series.startsWith(`${name}{`)),
        name,
      ).toBe(true);
    }
  }
});

const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

test.skipIf(!hasPromtool)('the tests of the alerts pass (promtool)', () => {
  const options = { cwd: folder, encoding: 'utf8', stdio: 'pipe' } as const;
  expect(execFileSync('promtool', ['check', 'rules', 'really.rules.yml'], options)).toContain(
    `${rules.length} rules found`,
  );
  expect(execFileSync('promtool', ['test', 'rules', 'really.test.yml'], options)).toContain(
    'SUCCESS',
  );
});
