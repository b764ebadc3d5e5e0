import { afterEach, expect, test, vi } from 'vitest';
import { clientPlatform } from './client-platform.js';

afterEach(() => vi.unstubAllGlobals());

/** The page is hidden or not, and its timers fire when the test says so. */
function timersOf({ hidden }: { readonly hidden: boolean }) {
  const fires: (() => void)[] = [];
  vi.stubGlobal('document', { hidden });
  vi.stubGlobal('setTimeout', (fire: () => void) => fires.push(fire));
  return { fires, setTimer: clientPlatform().setTimer };
}

const taskAfter = () => new Promise((resolve) => setImmediate(resolve));

test('[TSC5] in a hidden page what a timer runs is no part of a chain of timers', async () => {
  const { fires, setTimer } = timersOf({ hidden: true });
  const ran: string[] = [];
  setTimer(5, () => ran.push('a'));
  const cancel = setTimer(5, () => ran.push('b'));
  for (const fire of fires) fire();
  await Promise.resolve();
  expect(ran).toEqual([]);
  cancel();
  while (ran.length === 0) await taskAfter();
  await taskAfter();
  expect(ran).toEqual(['a']);
});

test('[TSC5] in a page that is seen, and where there is no page, a timer runs at once', () => {
  const { fires, setTimer } = timersOf({ hidden: false });
  let runs = 0;
  setTimer(5, () => runs++);
  fires[0]?.();
  vi.stubGlobal('document', undefined);
  fires[0]?.();
  expect(runs).toBe(2);
});
