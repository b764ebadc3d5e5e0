import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { rulesNamed, rulesOf } from './rules.js';
import { isForTests, root, sourcesBelow } from './sources.js';

const pages = [
  'protocol',
  'models',
  'access',
  'migrations',
  'moving-data',
  'client',
  'react',
  'presence',
  'deletions',
].map((name) => `docs/${name}.md`);
const rules = pages.flatMap((page) => rulesOf(readFileSync(join(root, page), 'utf8')));
const named = rulesNamed(
  sourcesBelow(
    'packages/protocol/src',
    'packages/client/src',
    'packages/server/src',
    'test/src',
  ).filter(({ path }) => isForTests(path) && !path.startsWith('test/src/conventions/')),
);

test('the pages state rules, each under an id of its own', () => {
  expect(rules.length).toBeGreaterThan(100);
  const seen = new Set<string>();
  expect(rules.filter((id) => seen.size === seen.add(id).size)).toEqual([]);
});

test('every rule has a test that names it', () => {
  expect(rules.filter((id) => !named.has(id))).toEqual([]);
});

test('no test names a rule that no page states', () => {
  const unknown = [...named].filter(([id]) => !rules.includes(id));
  expect(Object.fromEntries(unknown)).toEqual({});
});

test('ids are found in text', () => {
  expect(rulesOf('**[UPD3]** A stale set.\n- **[UPD4]** More.\nsee **[UPD5]**\n')).toEqual([
    'UPD3',
    'UPD4',
  ]);
  const text =
    "test('[UPD3] [PSH2] a', …); test.each(x)(`[ONC1] b`); const a = b[R2]; 'see [ERR1]'";
  expect([...rulesNamed([{ path: 'a.test.ts', text }]).keys()]).toEqual(['UPD3', 'PSH2', 'ONC1']);
});
