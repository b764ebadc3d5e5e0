import { posix } from 'node:path';
import { importsOf } from './imports.js';
import { isForTests, type RepoFile } from './sources.js';

/** Groups of files that import one another in a circle, imports of types alone included; each sorted by path. */
export function importCircles(files: readonly RepoFile[]): string[][] {
  const known = new Set(files.map(({ path }) => path));
  const imports = new Map(
    files.map((file) => [file.path, importsOf(file).filter((target) => known.has(target))]),
  );
  return stronglyConnected(imports).filter((circle) => circle.length > 1);
}

/** Tarjan, "Depth-first search and linear graph algorithms" (1972). */
function stronglyConnected(edges: ReadonlyMap<string, readonly string[]>): string[][] {
  const index = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const components: string[][] = [];
  const visit = (node: string): void => {
    index.set(node, index.size);
    lowest.set(node, index.get(node) ?? 0);
    stack.push(node);
    for (const next of edges.get(node) ?? []) {
      if (!index.has(next)) visit(next);
      else if (!stack.includes(next)) continue;
      lowest.set(node, Math.min(lowest.get(node) ?? 0, lowest.get(next) ?? 0));
    }
    if (lowest.get(node) === index.get(node)) {
      components.push(stack.splice(stack.indexOf(node)).sort());
    }
  };
  for (const node of edges.keys()) if (!index.has(node)) visit(node);
  return components;
}

/** Folders with more than so many sources, tests not counted, at one level. */
export function fullFolders(files: readonly RepoFile[], most: number): Record<string, number> {
  const counts = new Map<string, number>();
  for (const { path } of files.filter(({ path }) => !isForTests(path))) {
    const folder = posix.dirname(path);
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].filter(([, count]) => count > most));
}

/** Names of exported types that are declared more than once, with the files. */
export function repeatedTypeNames(files: readonly RepoFile[]): Record<string, string[]> {
  const declared = new Map<string, string[]>();
  const declaration = /^export (?:declare )?(?:abstract )?(?:class|interface|type|enum) (\w+)/gm;
  for (const { path, text } of files) {
    for (const [, name = ''] of text.matchAll(declaration)) {
      declared.set(name, [...(declared.get(name) ?? []), path]);
    }
  }
  return Object.fromEntries([...declared].filter(([, paths]) => paths.length > 1));
}

/**
 * Functions of more than so many lines, each with its number of lines. It goes by indentation, which
 * the formatter keeps: a function ends at the first brace under the beginning of its first line.
 */
export function longFunctions({ path, text }: RepoFile, most: number): Record<string, number> {
  const lines = text.split('\n');
  const long: Record<string, number> = {};
  for (const [at, line] of lines.entries()) {
    if (!/(?:\)|\)[^'"`]*[\w\]>}])\s\{$|=> \{$/.test(line)) continue;
    const indent = /^ */.exec(line)?.[0] ?? '';
    const first = firstLineOf(lines, at, indent);
    const head = lines[first]?.slice(indent.length) ?? '';
    if (
      /^(?:\}|(?:if|for|while|switch|try|do|return class|(?:export )?(?:abstract )?class)\b)/.test(
        head,
      )
    )
      continue;
    const end = lines.findIndex((other, index) => index > at && other.startsWith(`${indent}}`));
    if (end - first + 1 > most) long[`${path}: ${head}`] = end - first + 1;
  }
  return long;
}

/** The line with the name, where the parameters take several lines. */
function firstLineOf(lines: readonly string[], at: number, indent: string): number {
  const begins = (line = '') =>
    line.startsWith(indent) && /^[^ )}]/.test(line.slice(indent.length));
  let first = at;
  while (first > 0 && !begins(lines[first])) first -= 1;
  return first;
}

/** Sources of packages that nothing but tests imports: they are fixtures, and named so. */
export function sourcesOfTests(files: readonly RepoFile[]): string[] {
  const isEntry = (path: string) => /(?:mod|internal|main|browser)\.ts$|\.d\.ts$/.test(path);
  const plain = files.filter(({ path }) => !isForTests(path));
  const used = new Set(plain.flatMap(importsOf));
  return plain.map(({ path }) => path).filter((path) => !used.has(path) && !isEntry(path));
}
