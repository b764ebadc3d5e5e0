import { describe, expect, test } from 'vitest';
import { simulatedPlatform } from '../platform/simulated.js';
import { IdGenerator, idEpoch } from './id-generator.js';

const parts = (id: string) => ({
  at: Number(BigInt(id) >> 22n) + idEpoch,
  node: Number((BigInt(id) >> 12n) & 1023n),
  sequence: Number(BigInt(id) & 4095n),
});

function rising(ids: readonly string[]): boolean {
  return ids.every((id, i) => i === 0 || BigInt(id) > BigInt(ids[i - 1] ?? '0'));
}

describe('ids', () => {
  test('[R6] an id has 41 bits of milliseconds since the epoch, 10 of node and 12 of sequence', () => {
    const platform = simulatedPlatform({ seed: 1, now: Date.UTC(2024, 4, 1) });
    const ids = new IdGenerator({ platform, node: 513 });
    expect(parts(ids.next())).toEqual({ at: Date.UTC(2024, 4, 1), node: 513, sequence: 0 });
    expect(parts(ids.next())).toEqual({ at: Date.UTC(2024, 4, 1), node: 513, sequence: 1 });
    expect(idEpoch).toBe(Date.parse('2014-09-15T07:12:33Z'));
    expect(BigInt(ids.next()) < 2n ** 63n).toBe(true);
  });

  test('[R6] ids rise while the clock steps back', () => {
    const platform = simulatedPlatform({ seed: 1 });
    const ids = new IdGenerator({ platform });
    const made = [ids.next()];
    platform.stepClock(-3_600_000);
    for (let i = 0; i < 10_000; i++) made.push(ids.next());
    platform.stepClock(7_200_000);
    made.push(ids.next());
    expect(rising(made)).toBe(true);
  });

  test('[R6] more than 4,096 ids in a millisecond borrow from the next', () => {
    const platform = simulatedPlatform({ seed: 1, now: Date.UTC(2024, 0, 1) });
    const ids = new IdGenerator({ platform });
    const made = Array.from({ length: 10_000 }, () => ids.next());
    expect(rising(made)).toBe(true);
    expect(parts(made.at(-1) ?? '').at).toBe(Date.UTC(2024, 0, 1) + 2);
    expect(ids.lastAt).toBe(Date.UTC(2024, 0, 1) + 2);
  });

  test('[R6] a server restarted with a clock that was set back repeats no id', () => {
    const platform = simulatedPlatform({ seed: 1 });
    const before = new IdGenerator({ platform });
    const made = Array.from({ length: 5000 }, () => before.next());
    platform.stepClock(-86_400_000);
    const after = new IdGenerator({ platform, after: before.lastAt });
    made.push(after.next());
    expect(rising(made)).toBe(true);
  });

  test('[R6] two nodes never make the same id', () => {
    const platform = simulatedPlatform({ seed: 1 });
    const first = new IdGenerator({ platform, node: 1 });
    const two = new IdGenerator({ platform, node: 2 });
    const made = new Set<string>();
    for (let i = 0; i < 5000; i++) made.add(first.next()).add(two.next());
    expect(made.size).toBe(10_000);
  });

  test('a node number out of range is refused', () => {
    const platform = simulatedPlatform({ seed: 1 });
    expect(() => new IdGenerator({ platform, node: 1024 })).toThrow(RangeError);
  });
});
