import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { connectionTable } from './connection/connection-state.js';
import { writeTable } from './writes/write-state.js';

const page = readFileSync(
  fileURLToPath(new URL('../../../docs/client.md', import.meta.url)),
  'utf8',
);

/** The first cells of the rows of the table that has these headings. */
function rowsOf(headings: string): (string | undefined)[] {
  const [, rows = ''] = page.split(`${headings}\n`);
  const [table = ''] = rows.split('\n\n');
  const [, ...lines] = table.split('\n');
  return lines.map((line) => /^\| `([\w-]+)` \|/.exec(line)?.[1]);
}

type Cell = (state: object, event: object) => { readonly state: string };

/** The moves of a table from one state to another, in order. */
function movesOf(table: Readonly<Record<string, Readonly<Record<string, unknown>>>>): string[] {
  const moves = Object.entries(table).flatMap(([state, cells]) =>
    Object.values(cells).map((cell) => `${state} --> ${(cell as Cell)({ state }, {}).state}`),
  );
  return [...new Set(moves)].filter((move) => !/^(\S+) --> \1$/.test(move)).sort();
}

/** The moves that the pictures with this state show, in order. */
function movesShown(state: string): string[] {
  const pictures = [...page.matchAll(/^```mermaid\nstateDiagram-v2\n([\s\S]*?)^```$/gm)];
  const shown = pictures
    .map(([, text = '']) => text.replaceAll('_', '-'))
    .filter((text) => text.includes(state));
  const moves = shown.flatMap((text) => [...text.matchAll(/^ +([\w-]+ --> [\w-]+):/gm)]);
  return moves.map(([, move = '']) => move).sort();
}

test('[TSC5] docs/client.md says of every state of the connection what works in it, and draws every move', () => {
  expect(rowsOf('| state | meaning | reads | writes | live copies |')).toEqual(
    Object.keys(connectionTable),
  );
  expect(movesShown('connecting')).toEqual(movesOf(connectionTable));
});

test('[TSC1] docs/client.md has every state of a write, and draws every move', () => {
  expect(rowsOf('| state | meaning |')).toEqual(Object.keys(writeTable));
  expect(movesShown('queued')).toEqual(movesOf(writeTable));
});
