import { describe, expect, test } from 'vitest';
import { isDeeperThan } from './json-depth.js';

describe('depth', () => {
  test.each([64, 65])('[LIM8] %i levels of lists, of objects, of both', (levels) => {
    const texts = [nested('[', '', ']', levels), nested('{"a":', '{}', '}', levels - 1)];
    texts.push(
      nested('[{"a":1,"__proto__":', levels % 2 ? '[]' : '1', '}]', Math.floor(levels / 2)),
    );
    for (const text of texts) expect(isDeeperThan(JSON.parse(text), 64)).toBe(levels > 64);
  });

  test('[LIM8] a plain value is no level', () => {
    for (const value of [null, 1, 'x', true]) expect(isDeeperThan(value, 0)).toBe(false);
    expect(isDeeperThan([], 0)).toBe(true);
  });

  test('[LIM8] the deepest message there can be is refused without a long way down', () => {
    const levels = 500_000;
    expect(isDeeperThan(JSON.parse(nested('[', '', ']', levels)), 64)).toBe(true);
  });
});

function nested(open: string, inside: string, close: string, times: number): string {
  return open.repeat(times) + inside + close.repeat(times);
}
