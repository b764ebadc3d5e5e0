import { expect, test } from 'vitest';
import { Budgets } from '../../platform/budget.js';
import { noMetrics } from '../../platform/metrics.js';
import { simulatedPlatform } from '../../platform/simulated.js';
import { PushBuffer } from './push-buffer.js';
import { ResumableEntries } from './resumable-entries.js';

function setUp(count: number, bytes: number) {
  const kept = new ResumableEntries({
    limits: { resumableSessions: count, resumableBytes: bytes },
    window: 60_000,
    budgets: new Budgets(noMetrics),
    platform: simulatedPlatform({ seed: 1 }),
  });
  const gone: string[] = [];
  const add = (name: string, own = 0, ...buffers: Buffer[]) => {
    const [owner = ''] = name.split(' ');
    const forget = () => {
      gone.push(name);
      kept.delete(entry);
    };
    const entry = { owner, own, buffers, forget };
    kept.add(entry);
    return entry;
  };
  return { kept, gone, add };
}

test('[LIM38] a client that drops again and again evicts its own entries, and not those of others', () => {
  const { kept, gone, add } = setUp(4, 1000);
  add('victim 1');
  for (let n = 1; n < 6; n++) add(`attacker ${n}`);
  add('other 1');
  expect(gone).toEqual(['attacker 1', 'attacker 2', 'attacker 3']);
  add('other 2');
  expect(gone.slice(3)).toEqual(['attacker 4']);
  expect(kept.size).toBe(4);
});

test('[LIM38] bytes are limited, and a shared buffer counts once', () => {
  const { kept, gone, add } = setUp(100, 1000);
  const shared = Buffer.alloc(60);
  for (let n = 0; n < 9; n++) add(`honest-${n} 1`, 10, shared);
  expect([kept.bytes, gone]).toEqual([150, []]);
  for (let n = 1; n < 7; n++) add(`attacker ${n}`, 0, Buffer.alloc(200));
  expect(gone).toEqual(['attacker 1', 'attacker 2']);
  expect(kept.bytes).toBe(150 + 4 * 200);
});

test('[LIM38] nothing is left of a forgotten entry', () => {
  const { kept, add } = setUp(100, 1000);
  const shared = Buffer.alloc(100);
  const entries = [add('a 1', 5, shared), add('b 1', 5, shared, Buffer.alloc(7))];
  for (const entry of entries) kept.delete(entry);
  kept.delete(entries[0] ?? add('none'));
  expect([kept.size, kept.bytes]).toEqual([0, 0]);
});

test('[LIM38] final pushes are kept up to a number of bytes', () => {
  const sent = new PushBuffer({ resumePushes: 100, resumeBytes: 1000 });
  for (let n = 0; n < 5; n++)
    sent.add({ bytes: Buffer.alloc(300), replayPoint: { kind: 'notice' } });
  expect(sent.finalsAfter(1)).toBeUndefined();
  expect(sent.finalsAfter(2)).toHaveLength(3);
  expect(new Set(sent.buffers).size).toBe(3);
});
