import { expect, test } from 'vitest';
import { isForTests, sourcesBelow } from './sources.js';
import {
  fullFolders,
  importCircles,
  longFunctions,
  repeatedTypeNames,
  sourcesOfTests,
} from './structure.js';

const sources = sourcesBelow(
  ...[
    'packages/protocol/src',
    'packages/client/src',
    'packages/server/src',
    'test/src',
    'bench/src',
  ],
);

test('no imports go in a circle, those of types alone included', () => {
  expect(importCircles(sources)).toEqual([]);
});

test('no folder has more than 25 sources at one level', () => {
  expect(fullFolders(sources, 25)).toEqual({});
});

test('no function has more than 60 lines, except the one that runs inside of the sandbox', () => {
  const long = sources
    .filter(({ path }) => !isForTests(path))
    .map((file) => longFunctions(file, 60));
  expect(Object.keys(Object.assign({}, ...long))).toEqual([
    expect.stringContaining('quickjs/engine/guest-runtime.ts: export function guestRuntime('),
  ]);
});

test('what only tests use is a fixture, by one suffix', () => {
  expect(sourcesOfTests(sources.filter(({ path }) => path.startsWith('packages/')))).toEqual([]);
});

test('every exported type has a name of its own', () => {
  expect(repeatedTypeNames(sources)).toEqual({});
});

test('circles are found, of whatever length', () => {
  const file = (name: string, ...targets: string[]) => ({
    path: `packages/server/src/live/${name}.ts`,
    text: targets.map((target) => `import type { X } from './${target}.js';`).join('\n'),
  });
  const circle = [file('a', 'b'), file('b', 'c'), file('c', 'a', 'd'), file('d')];
  expect(importCircles(circle)).toEqual([
    ['a', 'b', 'c'].map((name) => `packages/server/src/live/${name}.ts`),
  ]);
  expect(importCircles([file('a', 'b', 'c'), file('b', 'c'), file('c')])).toEqual([]);
});

test.each([
  ['export function plain(a: string): void {', '}'],
  ['  async #method({ a }: Parts): Promise<void> {', '  }'],
  ['  static begin(\n    a: string,\n    b: string,\n  ): Promise<Map<string, number>> {', '  }'],
  ['const arrow = (a: string) => {', '};'],
  ['  list.map(async ({ a }) => {', '  });'],
])('a long function is found: %s', (begin, end) => {
  const text = [begin, ...Array.from({ length: 20 }, () => '    if (a) {\n    }'), end].join('\n');
  const lines = text.split('\n').length;
  const [head = ''] = begin.trim().split('\n');
  expect(longFunctions({ path: 'x/a.ts', text }, 20)).toEqual({ [`x/a.ts: ${head}`]: lines });
  expect(longFunctions({ path: 'x/a.ts', text }, lines)).toEqual({});
});

test.each([
  'export class Long extends Base(a) {',
  'if (a === b) {',
  'for (const a of list(b)) {',
  '} else if (a) {',
])('what is no function may be long: %s', (begin) => {
  const text = [begin, ...Array.from({ length: 20 }, () => '  a();'), '}'].join('\n');
  expect(longFunctions({ path: 'x/a.ts', text }, 10)).toEqual({});
});

test('a source that only tests use is found', () => {
  const file = (name: string, target: string) => ({
    path: `packages/server/src/live/${name}.ts`,
    text: `import { x } from './${target}.js';`,
  });
  const files = [file('live.test', 'fake'), file('live.fixture', 'fake'), file('fake', 'mod')];
  expect(sourcesOfTests(files)).toEqual(['packages/server/src/live/fake.ts']);
  expect(sourcesOfTests([...files, file('mod', 'fake')])).toEqual([]);
});

test('a full folder and a repeated name are found', () => {
  const text = 'export interface Line {\n}\nexport type Kind = 1;\nexport class Other {}';
  const files = ['a.ts', 'b.ts', 'b.test.ts'].map((name) => ({ path: `x/${name}`, text }));
  expect(fullFolders(files, 1)).toEqual({ x: 2 });
  expect(fullFolders(files, 2)).toEqual({});
  expect(Object.keys(repeatedTypeNames(files.slice(0, 2)))).toEqual(['Line', 'Kind', 'Other']);
});
