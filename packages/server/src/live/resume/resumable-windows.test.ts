import { expect, test } from 'vitest';
import type { KnownRows } from '../query/query-window.js';
import { ResumableWindows } from './resumable-windows.js';

const known = (rows: number): KnownRows => {
  return new Map(Array.from({ length: rows }, (_, n) => [`/a/${n}`, { rev: 1, hidden: [] }]));
};

test('[RES3] shared rows count once, and the total is bounded', () => {
  const windows = new ResumableWindows(10);
  const [shared, other] = [known(6), known(5)];
  expect([windows.retain(shared), windows.retain(shared), windows.rows]).toEqual([true, true, 6]);
  expect([windows.retain(other), windows.rows]).toEqual([false, 6]);
  windows.release(shared);
  expect([windows.retain(other), windows.rows]).toEqual([false, 6]);
  windows.release(shared);
  expect([windows.retain(other), windows.rows]).toEqual([true, 5]);
  windows.release(other);
  expect(windows.rows).toBe(0);
});

test('[RES3] a uid holds twice what is free at most, so that there is room for others', () => {
  const windows = new ResumableWindows(12);
  const own = [known(4), known(4), known(1)];
  expect(own.map((rows) => windows.retain(rows, undefined, 'u1'))).toEqual([true, true, false]);
  const other = known(2);
  expect([windows.retain(other, undefined, 'u2'), windows.rows]).toEqual([true, 10]);
  for (const rows of [own[0], other]) if (rows) windows.release(rows);
  expect(windows.retain(known(3), undefined, 'u1')).toBe(true);
});
