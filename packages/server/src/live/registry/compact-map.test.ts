import { expect, test } from 'vitest';
import { CompactMap } from './compact-map.js';

test('finds and forgets, whether it holds one, a few or many', () => {
  const set = new CompactMap<{ key: string }>();
  const values = Array.from({ length: 20 }, (_, index) => ({ key: `k${index}` }));
  for (const [index, value] of values.entries()) {
    expect(set.get(value.key)).toBeUndefined();
    set.add(value);
    expect(set.size).toBe(index + 1);
    for (const known of values.slice(0, index + 1)) expect(set.get(known.key)).toBe(known);
  }
  expect(set.values()).toEqual(values);
  set.delete({ key: 'k3' });
  expect(set.size).toBe(20);
  for (const [index, value] of values.entries()) {
    set.delete(value);
    expect(set.get(value.key)).toBeUndefined();
    expect(set.size).toBe(19 - index);
  }
});

test('one is forgotten, and another takes its place', () => {
  const set = new CompactMap<{ key: string }>();
  const [a, b] = [{ key: 'a' }, { key: 'b' }];
  set.add(a);
  set.delete(b);
  expect(set.values()).toEqual([a]);
  set.delete(a);
  set.add(b);
  expect([...set.peek()]).toEqual([b]);
});
