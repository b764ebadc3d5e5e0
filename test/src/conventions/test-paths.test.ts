import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { root } from './sources.js';

const { withBuiltPaths }: { withBuiltPaths(args: readonly string[]): string[] } = await import(
  pathToFileURL(join(root, 'scripts/test-paths.mjs')).href
);

test.each([
  ['test/src/cli/bench', 'test/dist/cli/bench'],
  ['test/src/cli/bench.ts', 'test/dist/cli/bench.test.js'],
  ['test/src/cli/bench.test.ts', 'test/dist/cli/bench.test.js'],
  ['./test/src/cli/bench.test.ts', 'test/dist/cli/bench.test.js'],
  [join(root, 'test/src/cli/bench.test.ts'), 'test/dist/cli/bench.test.js'],
  ['test/dist/cli/bench.test.js', 'test/dist/cli/bench.test.js'],
  [
    'packages/server/src/store/sqlite/open.test.ts',
    'packages/server/dist/store/sqlite/open.test.js',
  ],
  ['packages/server/src/store/', 'packages/server/dist/store/'],
  ['packages/protocol/src', 'packages/protocol/dist'],
  ['src/cli/bench', 'dist/cli/bench'],
  ['bench', 'bench'],
])('npm test takes the path of a source: %s', (given, built) => {
  expect(withBuiltPaths([given])).toEqual([built]);
});

test('arguments that are not paths are unchanged', () => {
  const options = ['-t', 'a path such as test/src/x', '--bail', '1', '--project=whole'];
  expect(withBuiltPaths([...options, 'test/src/cli'])).toEqual([...options, 'test/dist/cli']);
  expect(withBuiltPaths([])).toEqual([]);
});

test.each(['test/src/cli/benches', 'packages/server/src/store/store.ts', 'bench/src/main.ts'])(
  'a path that leads to no test is named: %s',
  (path) => {
    expect(() => withBuiltPaths(['test/src/cli/bench', path])).toThrow(`no test matches ${path}: `);
  },
);
