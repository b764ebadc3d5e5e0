import { existsSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { expect, test } from 'vitest';
import { linkProblems, missingPaths } from './paths-named.js';
import { pagesOfRepo, root } from './sources.js';

const exists = (path: string) => existsSync(join(root, path));

test.each(['CONTRIBUTING.md', 'docs/architecture.md'])(
  'every path that %s names is there',
  (page) => {
    const text = readFileSync(join(root, page), 'utf8');
    expect(text.split('`').length).toBeGreaterThan(100);
    expect(missingPaths(text, exists)).toEqual([]);
  },
);

test('every file that a decision names is there', () => {
  const decisions = pagesOfRepo().filter(({ path }) => path.startsWith('docs/decisions/'));
  expect(decisions.length).toBeGreaterThan(20);
  const missing = decisions.flatMap(({ path, text }) => {
    const files = missingPaths(text, exists).filter((name) => /\.(ts|mjs)$/.test(name));
    return files.map((name) => `${path}: ${name}`);
  });
  expect(missing).toEqual([]);
});

test('every relative link of the documentation leads to a file, and to a heading of it', () => {
  const pages = pagesOfRepo();
  expect(pages.length).toBeGreaterThan(40);
  const headingsOf = (path: string) =>
    path.endsWith('.md') ? readFileSync(join(root, path), 'utf8') : '';
  const problems = pages.flatMap(({ path, text }) =>
    linkProblems(text, {
      exists: (target) => exists(posix.join(posix.dirname(path), target)),
      read: (target) =>
        target === '' ? text : headingsOf(posix.join(posix.dirname(path), target)),
    }).map((problem) => `${path}: ${problem}`),
  );
  expect(problems).toEqual([]);
});

test('a path that is missing is found, whatever it is relative to', () => {
  const files = [
    'packages/server/src/live/live.ts',
    'packages/server/src/live/push.ts',
    'docs/a.md',
  ];
  const folders = files.map((file) => posix.dirname(file));
  const isThere = (path: string) => [...files, ...folders].includes(path.replace(/\/$/, ''));
  const missing = (text: string) => missingPaths(text, isThere);
  expect(missing('`live/live.ts` calls `push.ts`, see `docs/a.md`')).toEqual([]);
  expect(missing('`live/lost.ts` and `npm test -- live/gone.ts`')).toEqual([
    'live/lost.ts',
    'live/gone.ts',
  ]);
  expect(missing('`live/live.ts`\n\nIn another paragraph: `push.ts`')).toEqual(['push.ts']);
  expect(missing('`live/<kind>.ts`, `/users/1`, `rate.login`, `@really/client`')).toEqual([]);
  expect(missing('`lost/<kind>.ts`')).toEqual(['lost/<kind>.ts']);
});

test('a link that leads nowhere is found', () => {
  const of = { exists: (path: string) => path === 'a.md', read: () => '# One two\n## `x`: why?' };
  const problems = (text: string) => linkProblems(text, of);
  expect(problems('[a](a.md), [b](a.md#one-two), [c](#x-why), [d](https://example.com/x)')).toEqual(
    [],
  );
  expect(problems('[a](b.md) and [b](a.md#two)')).toEqual(['b.md', 'a.md#two']);
  expect(problems('```\n[a](b.md)\n```\n`[a](b.md)`')).toEqual([]);
});
