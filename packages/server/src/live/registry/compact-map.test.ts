import { expect, test } from 'vitest';
import { CompactMap } from './compact-map.js';

test('finds and deletes values at any size', () => {
  const map = new CompactMap<{ key: string }>();
  const values = Array.from({ length: 20 }, (_, index) => ({ key: `k${index}` }));
  for (const [index, value] of values.entries()) {
    expect(map.get(value.key)).toBeUndefined();
    map.add(value);
    expect(map.size).toBe(index + 1);
    for (const known of values.slice(0, index + 1)) expect(map.get(known.key)).toBe(known);
  }
  expect(map.values()).toEqual(values);
  map.delete({ key: 'k3' });
  expect(map.size).toBe(20);
  for (const [index, value] of values.entries()) {
    map.delete(value);
    expect(map.get(value.key)).toBeUndefined();
    expect(map.size).toBe(19 - index);
  }
});

test('a value can replace a deleted one', () => {
  const map = new CompactMap<{ key: string }>();
  const [a, b] = [{ key: 'a' }, { key: 'b' }];
  map.add(a);
  map.delete(b);
  expect(map.values()).toEqual([a]);
  map.delete(a);
  map.add(b);
  expect([...map.peek()]).toEqual([b]);
});
