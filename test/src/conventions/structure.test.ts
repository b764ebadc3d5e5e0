import { expect, test } from 'vitest';
import { sourcesBelow } from './sources.js';
import { fullFolders, importCircles, repeatedTypeNames } from './structure.js';

const sources = sourcesBelow(
  ...['packages/protocol/src', 'packages/server/src', 'test/src', 'bench/src'],
);

test('no imports go in a circle, those of types alone included', () => {
  expect(importCircles(sources)).toEqual([]);
});

test('no folder has more than 25 sources at one level', () => {
  expect(fullFolders(sources, 25)).toEqual({});
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

test('a full folder and a repeated name are found', () => {
  const text = 'export interface Line {\n}\nexport type Kind = 1;\nexport class Other {}';
  const files = ['a.ts', 'b.ts', 'b.test.ts'].map((name) => ({ path: `x/${name}`, text }));
  expect(fullFolders(files, 1)).toEqual({ x: 2 });
  expect(fullFolders(files, 2)).toEqual({});
  expect(Object.keys(repeatedTypeNames(files.slice(0, 2)))).toEqual(['Line', 'Kind', 'Other']);
});
