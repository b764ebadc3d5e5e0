import { bindRql, parseRql } from '@really/protocol';
import { expect, test } from 'vitest';
import { filterText } from './filter-text.js';

const bound = (filter: string, values = {}) => bindRql(parseRql(filter), values);

test('[REA6] filters have the same text if and only if they are equal', () => {
  const long = Array.from({ length: 1000 }, (_, n) => n);
  const filters = [
    bound('a = 1'),
    bound('a = $v', { v: 'x'.repeat(1000) }),
    bound('a = $v', { v: 'x'.repeat(1001) }),
    bound('a in $v', { v: long }),
    bound('b in $v', { v: long }),
    bound('a in $v', { v: [...long, 1] }),
    bound('a = $v', { v: { digest: 'x' } }),
    bound('a in $v or a in $v', { v: long }),
  ];
  expect(new Set(filters.map(filterText)).size).toBe(filters.length);
  expect(filterText(bound('a in $w', { w: [...long] }))).toBe(
    filterText(bound('a in $v', { v: long })),
  );
  expect(filterText(undefined)).toBe('null');
});

test('[LIM12] a filter that uses a long list many times has a short text', () => {
  const v = Array.from({ length: 1000 }, (_, n) => n);
  const text = filterText(bound(Array.from({ length: 100 }, () => 'a in $v').join(' or '), { v }));
  expect(text.length).toBeLessThan(20_000);
});
