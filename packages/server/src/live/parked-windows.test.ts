import { expect, test } from 'vitest';
import { ParkedWindows } from './parked-windows.js';
import type { Known } from './query-subscription.js';

const known = (rows: number): Known => {
  return new Map(Array.from({ length: rows }, (_, n) => [`/a/${n}`, { rev: 1, hidden: [] }]));
};

test('[RES3] what several know alike counts once, and all together have a bound', () => {
  const windows = new ParkedWindows(10);
  const [shared, other] = [known(6), known(5)];
  expect([windows.hold(shared), windows.hold(shared), windows.rows]).toEqual([true, true, 6]);
  expect([windows.hold(other), windows.rows]).toEqual([false, 6]);
  windows.release(shared);
  expect([windows.hold(other), windows.rows]).toEqual([false, 6]);
  windows.release(shared);
  expect([windows.hold(other), windows.rows]).toEqual([true, 5]);
  windows.release(other);
  expect(windows.rows).toBe(0);
});
