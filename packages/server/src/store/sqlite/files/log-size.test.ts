import { statSync } from 'node:fs';
import type { RqlExpression } from '@really/protocol';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { creation, each, queryOf } from '../../contract/sample-writes.js';
import type { Store } from '../../store.js';
import { Scratch } from '../scratch.fixture.js';

const scratch = Scratch.each();
const mebibyte = 1024 * 1024;

/** Slow with a few hundred objects. */
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
  // It grows until the running queries end; without holding queries back it gets six times this
  // long.
  expect(statSync(`${file}-wal`).size).toBeLessThan(written);
});

test('[DUR8] a long transaction of an external reader delays neither commits nor queries', async () => {
  const file = scratch.file();
  const logSize = mebibyte;
  const store = await scratch.open({ file, readers: 2, logSize });
  await store.commit(each(creation('/users/1')));
  const outside = new Database(file, { readonly: true });
  scratch.defer(() => void outside.close());
  outside.exec('BEGIN');
  const seen = () => outside.prepare('SELECT count(*) FROM changes').pluck().get();
  expect(seen()).toBe(1);
  const longest: number[] = [];
  // Several attempts, because the machine may be busy: a store that waits for the reader takes a
  // second each time.
  for (let attempt = 0; attempt < 6 && !longest.some((time) => time < 700); attempt++) {
    longest.push(await longestStep(store, attempt, 3 * mebibyte));
  }
  expect(Math.min(...longest), `longest step of each attempt: ${longest}`).toBeLessThan(700);
  expect(statSync(`${file}-wal`).size).toBeGreaterThan(2 * logSize);
  expect(seen()).toBe(1);

  outside.exec('COMMIT');
  let n = 0;
  const logAfterMore = async () => {
    await store.commit(each(creation(`/more/${n++}`, { text: 'x'.repeat(50_000) })));
    return statSync(`${file}-wal`).size;
  };
  await expect.poll(logAfterMore).toBeLessThan(2 * logSize);
});

/** Milliseconds of the slowest of many commits, each with a query. */
async function longestStep(store: Store, attempt: number, bytes: number): Promise<number> {
  const text = 'x'.repeat(20_000);
  let longest = 0;
  for (let n = 0; n * text.length < bytes; n++) {
    const begun = performance.now();
    await store.commit(each(creation(`/notes/${attempt}-${n}`, { text })));
    await store.count(queryOf('users'));
    longest = Math.max(longest, performance.now() - begun);
  }
  return longest;
}

async function write(store: Store, bytes: number): Promise<number> {
  const text = 'x'.repeat(2000);
  let written = 0;
  for (let n = 0; written < bytes; n++) {
    await store.commit(each(...[1, 2, 3, 4].map((i) => creation(`/notes/${n}-${i}`, { text }))));
    written += 4 * text.length;
  }
  return written;
}
