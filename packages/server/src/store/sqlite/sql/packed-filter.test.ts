import type { Comparison, JsonValue, RqlExpression } from '@really/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { filterOf } from '../../contract/arbitraries.js';
import { packFilter, unpackFilter } from './packed-filter.js';

test('[RQL4] packing and unpacking a filter returns the same filter', () => {
  fc.assert(
    fc.property(filterOf(['/things/1', '/things/2']), (filter) => {
      const unpacked = unpackFilter(structuredClone(packFilter(filter)));
      expect(plain(unpacked)).toEqual(plain(filter));
    }),
    // A list with -0, which JSON turns into 0.
    { examples: [[comparedTo([-0, 1])]] },
  );
});

test('[LIM12] a list that a filter uses many times is sent to the reader once, and is one list there', () => {
  const list = Array.from({ length: 1000 }, (_, n) => n);
  const uses = Array.from({ length: 50 }, (): RqlExpression => comparedTo(list));
  const packed = packFilter(uses.reduce((left, right) => ({ kind: 'or', left, right })));
  expect(packed.values).toEqual([JSON.stringify(list)]);
  const lists = new Set<JsonValue>();
  for (let next = unpackFilter(packed); ; next = next.left) {
    const last = next.kind === 'or' ? next.right : next;
    lists.add((last as Comparison<JsonValue>).value);
    if (next.kind !== 'or') break;
  }
  expect([...lists]).toEqual([list]);
});

/** Without -0, which no comparison tells from 0. */
function plain(filter: RqlExpression): unknown {
  return JSON.parse(JSON.stringify(filter));
}

function comparedTo(value: JsonValue): RqlExpression {
  return { kind: 'comparison', field: ['n'], operator: 'in', value };
}
