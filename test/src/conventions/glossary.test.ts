import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from './sources.js';

const page = readFileSync(join(root, 'docs/glossary.md'), 'utf8');

test('the glossary has each term once, with one line', () => {
  const terms = [...page.matchAll(/^\| ([^|]+) \|/gm)].map(([, term = '']) => term);
  const own = terms.filter((term) => term !== 'term' && !term.startsWith('-'));
  expect(own.length).toBeGreaterThan(40);
  expect(own.filter((term, index) => own.indexOf(term) !== index)).toEqual([]);
});

test('each term of the glossary says where it is declared', () => {
  const rows = page.split('\n').filter((line) => /^\| (?!term |-)/.test(line));
  expect(rows.filter((row) => !/ `\w+` in `[\w./-]+` \|$/.test(row))).toEqual([]);
});

test('what the glossary names is declared where it says', () => {
  const named = [...page.matchAll(/`(\w+)` in `([\w./-]+)` \|$/gm)];
  expect(named.length).toBeGreaterThan(40);
  const missing = named.filter(([, name = '', file = '']) => !declares(sourceOf(file), name));
  expect(missing.map(([text]) => text)).toEqual([]);
});

function sourceOf(file: string): string {
  const [folder = '', ...rest] = file.split('/');
  const isPackage = folder === 'protocol' || folder === 'client';
  const path = isPackage ? [`packages/${folder}/src`, ...rest] : ['packages/server/src', file];
  const whole = join(root, ...path);
  return existsSync(whole) ? readFileSync(whole, 'utf8') : '';
}

function declares(source: string, name: string): boolean {
  return new RegExp(`\\b(?:class|interface|type|const|function\\*?) ${name}\\b`).test(source);
}
