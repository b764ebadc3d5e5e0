import { statSync } from 'node:fs';
import type { RqlExpression } from '@really/protocol';
import { expect, test } from 'vitest';
import { creation, each, queryOf } from '../contract/sample-writes.js';
import type { Store } from '../store.js';
import { Scratch } from './scratch.test.kit.js';

const scratch = Scratch.each();
const mebibyte = 1024 * 1024;

/** Takes some time with a few hundred objects. */
const slow: RqlExpression = Array.from({ length: 100 }, (_, n): RqlExpression => {
  return { kind: 'comparison', field: ['tags'], operator: 'contains', value: `none${n}` };
}).reduce((left, right) => ({ kind: 'or', left, right }));

test('the log stays short while commits and queries never pause', async () => {
  const file = scratch.file();
  const logSize = mebibyte;
  const store = await scratch.open({ file, readers: 2, logSize });
  const tags = Array.from({ length: 20 }, (_, n) => `tag${n}`);
  await store.commit(
    each(...Array.from({ length: 300 }, (_, n) => creation(`/users/${n}`, { tags }))),
  );

  let writing = true;
  const readers = [1, 2, 3, 4].map(async () => {
    let count = 0;
    for (; writing; count++) await store.count(queryOf('users', { filter: slow }));
    return count;
  });
  const written = await write(store, 12 * mebibyte);
  writing = false;
  const queries = await Promise.all(readers);
  expect(Math.min(...queries)).toBeGreaterThan(0);
  expect(written).toBeGreaterThan(10 * logSize);
  // It goes on growing while the queries that run come to their end; without that it gets six times this long.
  expect(statSync(`${file}-wal`).size).toBeLessThan(written);
});

async function write(store: Store, bytes: number): Promise<number> {
  const text = 'x'.repeat(2000);
  let written = 0;
  for (let n = 0; written < bytes; n++) {
    await store.commit(each(...[1, 2, 3, 4].map((i) => creation(`/notes/${n}-${i}`, { text }))));
    written += 4 * text.length;
  }
  return written;
}
