import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { simulatedPlatform } from '../simulated.js';
import { Deadlines } from './deadlines.js';

function setUp(clock: 'monotonic' | 'wall' = 'monotonic') {
  const platform = simulatedPlatform({ seed: 1 });
  const reached: { key: object; at: number }[] = [];
  const now = () => (clock === 'wall' ? platform.clock.now() : platform.clock.monotonic());
  const deadlines = new Deadlines({
    platform,
    clock,
    due: (key) => reached.push({ key, at: now() }),
  });
  return { platform, reached, deadlines, now };
}

describe('deadlines', () => {
  test('a deadline is reached once, at its time', () => {
    const { platform, reached, deadlines } = setUp();
    const key = {};
    deadlines.set(key, 100);
    platform.advance(99);
    expect(reached).toEqual([]);
    platform.advance(1);
    expect(reached).toEqual([{ key, at: 100 }]);
    platform.advance(1000);
    expect(reached).toHaveLength(1);
    expect(deadlines.size).toBe(0);
  });

  test('a deadline moved to a later time is reached only then', () => {
    const { platform, reached, deadlines } = setUp();
    const key = {};
    deadlines.set(key, 100);
    platform.advance(60);
    deadlines.set(key, 160);
    platform.advance(60);
    expect(reached).toEqual([]);
    platform.advance(40);
    expect(reached).toEqual([{ key, at: 160 }]);
  });

  test('a deadline moved to an earlier time is reached then', () => {
    const { platform, reached, deadlines } = setUp();
    const key = {};
    deadlines.set(key, 100);
    deadlines.set(key, 10);
    platform.advance(10);
    expect(reached).toEqual([{ key, at: 10 }]);
  });

  test('a cleared deadline is not reached, and leaves no timer', () => {
    const { platform, reached, deadlines } = setUp();
    const key = {};
    deadlines.set(key, 100);
    expect(platform.pending).toBe(1);
    deadlines.clear(key);
    expect(platform.pending).toBe(0);
    platform.advance(200);
    expect(reached).toEqual([]);
  });

  test('ten thousand deadlines hold one timer', () => {
    const { platform, deadlines } = setUp();
    for (let i = 0; i < 10_000; i++) deadlines.set({}, 10_000 - i);
    expect(platform.pending).toBe(1);
  });

  test('a wall clock deadline notices that the clock was set', () => {
    const { platform, reached, deadlines, now } = setUp('wall');
    deadlines.set({}, now() + 3_600_000);
    platform.stepClock(3_600_000);
    platform.advance(10_000);
    expect(reached).toHaveLength(1);
  });

  test('a callback may clear another due deadline', () => {
    const platform = simulatedPlatform({ seed: 1 });
    const keys = [{}, {}];
    const reached: object[] = [];
    const deadlines: Deadlines = new Deadlines({
      platform,
      clock: 'monotonic',
      due(key) {
        reached.push(key);
        for (const other of keys) deadlines.clear(other);
      },
    });
    for (const key of keys) deadlines.set(key, 5);
    platform.advance(10);
    expect(reached).toHaveLength(1);
  });

  test('any sequence of sets and clears is reached in order, at the time set last', () => {
    const step = fc.record({
      key: fc.nat(7),
      wait: fc.option(fc.integer({ min: 1, max: 50 }), { nil: undefined }),
      pass: fc.nat(20),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { platform, reached, deadlines, now } = setUp();
        const keys = Array.from({ length: 8 }, (_, id) => ({ id }));
        const expected = new Map<object, number>();
        const order: { key: object; at: number }[] = [];
        const pass = (ms: number) => {
          const until = now() + ms;
          const due = [...expected].filter(([, at]) => at <= until).sort((a, b) => a[1] - b[1]);
          for (const [key, at] of due) {
            expected.delete(key);
            order.push({ key, at });
          }
          platform.advance(ms);
        };
        for (const { key: index, wait, pass: ms } of steps) {
          const key = keys[index] ?? {};
          if (wait === undefined) {
            deadlines.clear(key);
            expected.delete(key);
          } else {
            deadlines.set(key, now() + wait);
            expected.set(key, now() + wait);
          }
          pass(ms);
        }
        pass(100);
        expect(reached.map(({ at }) => at)).toEqual(order.map(({ at }) => at));
        expect(
          new Set(reached.map(({ key, at }) => `${keys.indexOf(key as { id: number })}@${at}`)),
        ).toEqual(
          new Set(order.map(({ key, at }) => `${keys.indexOf(key as { id: number })}@${at}`)),
        );
      }),
    );
  });
});
