import type { JsonObject, JsonValue, RqlOperator } from '@really/protocol';
import { describe, expect, test } from 'vitest';
import { sortPositionOf } from '../order.js';
import { QueryTimeout } from '../store-errors.js';
import type { Order, Query } from '../store-reads.js';
import { creation, deletion, layout, queryOf, update } from './sample-writes.js';
import { type OpenStore, StoreUnderTest } from './setup.js';

const comparison = (field: string[], operator: RqlOperator, value: JsonValue) =>
  ({ kind: 'comparison', field, operator, value }) as const;

export function queryContract(open: OpenStore): void {
  describe('query and count', () => {
    const subject = StoreUnderTest.each(open);
    /** Ids found, a letter each. */
    const ids = async (query: Query) => {
      const found = await subject.store.query(query);
      return found.map(({ r }) => r.slice(r.lastIndexOf('/') + 1)).join('');
    };
    const fill = async (collection: string, data: Record<string, JsonObject>) =>
      await subject.commit(
        ...Object.entries(data).map(([id, value]) => creation(`/${collection}/${id}`, value)),
      );

    test('[REA1] objects are complete, as from get', async () => {
      await fill('users', { a: { n: 1 }, b: { n: 2 } });
      await subject.commit(update(await subject.object('/users/a'), { n: 3 }));
      const found = await subject.store.query(queryOf('users'));
      expect(found).toEqual(await subject.store.getMany(['/users/b', '/users/a']));
    });

    test('[REA3] ids are ordered as text, byte by byte, in both directions', async () => {
      const sorted = ['-', '1', '10', '9', 'A', 'Z', '_', 'a', 'aa', 'b'];
      await subject.commit(...sorted.map((id) => creation(`/users/${id}`)));
      const ascending = { keys: [{ field: '_r', descending: false }] };
      const up = await subject.store.query(queryOf('users', { order: ascending }));
      expect(up.map(({ r }) => r.slice(7))).toEqual(sorted);
      const down = await subject.store.query(queryOf('users'));
      expect(down.map(({ r }) => r.slice(7))).toEqual(sorted.reverse());
    });

    test('[REA2] limit and skip', async () => {
      await fill('users', { a: {}, b: {}, c: {}, d: {} });
      expect(await ids(queryOf('users', { limit: 2 }))).toBe('dc');
      expect(await ids(queryOf('users', { limit: 2, skip: 1 }))).toBe('cb');
      expect(await ids(queryOf('users', { limit: 2, skip: 3 }))).toBe('a');
      expect(await ids(queryOf('users', { skip: 9 }))).toBe('');
      expect(await subject.store.count(queryOf('users', { limit: 1, skip: 2 }))).toBe(4);
    });

    test('deleted objects are never found', async () => {
      await fill('users', { a: { n: 1 }, b: { n: 1 } });
      await subject.commit(deletion(await subject.object('/users/a')));
      expect(await ids(queryOf('users'))).toBe('b');
      expect(await subject.store.count(queryOf('users'))).toBe(1);
      const missing = comparison(['n'], '=', null);
      expect(await ids(queryOf('users', { filter: missing }))).toBe('');
    });

    test('[LKP5] an id, or the objects right above, narrow a query', async () => {
      for (const [at, data] of [
        ['a/1/b', 1],
        ['a/2/b', 2],
        ['a/12/b', 3],
      ] as const) {
        await fill(at, { x: { n: data }, y: { n: data } });
      }
      const scope = { names: ['a', 'b'], parents: ['*'] };
      const found = async (query: Partial<Query>) => {
        const objects = await subject.store.query({ ...queryOf('users'), scope, ...query });
        expect(await subject.store.count({ ...queryOf('users'), scope, ...query })).toBe(
          objects.length,
        );
        return objects.map(({ r }) => r).sort();
      };
      const id = 'x';
      expect(await found({ id })).toEqual(['/a/1/b/x', '/a/12/b/x', '/a/2/b/x']);
      expect(await found({ id, scope: { ...scope, parents: ['1'] } })).toEqual(['/a/1/b/x']);
      expect(await found({ below: ['/a/1', '/a/3'] })).toEqual(['/a/1/b/x', '/a/1/b/y']);
      const filter = comparison(['n'], '>', 1);
      expect(await found({ below: ['/a/1', '/a/2'], id, filter })).toEqual(['/a/2/b/x']);
      expect(await found({ below: [] })).toEqual([]);
      expect(await found({ id: 'z' })).toEqual([]);
    });

    test('[REA1] wildcards cover all parents, and named parents only their own', async () => {
      await fill('a/1/b', { x: {}, y: {} });
      await fill('a/10/b', { x: {} });
      await fill('a/1-0/b', { z: {} });
      const scope = (parent: string) => ({ names: ['a', 'b'], parents: [parent] });
      const rs = async (parent: string, descending = false) => {
        const order = { keys: [{ field: '_r', descending }] };
        const found = await subject.store.query(queryOf('a/b', { scope: scope(parent), order }));
        return found.map(({ r }) => r);
      };
      expect(await rs('1')).toEqual(['/a/1/b/x', '/a/1/b/y']);
      const all = ['/a/1/b/x', '/a/10/b/x', '/a/1/b/y', '/a/1-0/b/z'];
      expect(await rs('*')).toEqual(all);
      expect(await rs('*', true)).toEqual(all.reverse());
      expect(await rs('2')).toEqual([]);
      const query = queryOf('a/b', { scope: scope('10') });
      expect(await subject.store.count(query)).toBe(1);
    });

    test('[REA4] a field orders, ties go by id, and missing values come last in either direction', async () => {
      await fill('users', {
        a: { n: 2 },
        b: { n: 10 },
        c: { n: 2 },
        d: {},
        e: { n: '1' },
        f: { n: null },
        g: { n: -1.5 },
        h: { n: true },
        i: { n: [1] },
      });
      const by = (descending: boolean): Order => ({ keys: [{ field: 'n', descending }] });
      expect(await ids(queryOf('users', { order: by(false) }))).toBe('gacbehidf');
      expect(await ids(queryOf('users', { order: by(true) }))).toBe('ihebcagfd');
    });

    test('[REA4] texts are ordered by code point', async () => {
      const texts = ['', '\0', 'A', 'B', 'a', 'é', '\ud7ff', '\ud800', '\ue000', '\uffff', '😀'];
      await subject.commit(...texts.map((n, index) => creation(`/users/${100 - index}`, { n })));
      const order = { keys: [{ field: 'n', descending: false }] };
      const found = await subject.store.query(queryOf('users', { order }));
      expect(found.map(({ data }) => data.n)).toEqual(texts);
    });

    test('[REA4] an inner field, the revision, and a field that is an operator in paths', async () => {
      await fill('users', { a: { o: { n: 2 } }, b: { o: { n: 1 } }, c: { o: [{ n: 0 }] } });
      await subject.commit(update(await subject.object('/users/b'), { x: 1 }));
      const by = (field: string): Order => ({ keys: [{ field, descending: false }] });
      expect(await ids(queryOf('users', { order: by('o.n') }))).toBe('bac');
      expect(await ids(queryOf('users', { order: by('_rev') }))).toBe('acb');
      await fill('odd', { a: { '"[0]': 2 }, b: { '"[0]': 1 } });
      expect(await ids(queryOf('odd', { order: by('"[0]') }))).toBe('ba');
    });

    test('[REA7] a page begins strictly after its position, whether the object still exists or not', async () => {
      await fill('users', { a: { n: 1 }, b: { n: 1 }, c: {}, d: { n: 0 }, e: { n: 'x' }, f: {} });
      for (const field of ['_r', 'n', '_rev']) {
        for (const descending of [false, true]) {
          const order = { keys: [{ field, descending }] };
          const all = await subject.store.query(queryOf('users', { order }));
          for (const [index, object] of all.entries()) {
            const from = sortPositionOf(object, order);
            const rest = await subject.store.query(queryOf('users', { order, from }));
            expect(rest).toEqual(all.slice(index + 1));
            const next = await subject.store.query(
              queryOf('users', { order, from, skip: 1, limit: 2 }),
            );
            expect(next).toEqual(all.slice(index + 2, index + 4));
          }
        }
      }
      const order = { keys: [{ field: 'n', descending: false }] };
      const from = { values: [0.5], r: '/users/zzz' };
      expect(await ids(queryOf('users', { order, from }))).toBe('abecf');
    });

    test('[CNT1] a count ignores order and position', async () => {
      await fill('users', { a: { n: 1 }, b: { n: 2 }, c: { n: 3 } });
      const filter = comparison(['n'], '>=', 2);
      const from = { values: [], r: '/users/b' };
      expect(await subject.store.count(queryOf('users', { filter, from }))).toBe(2);
    });

    filterCases(ids, fill);

    test('[LIM7] a query without time left rejects', async () => {
      await fill('users', { a: {} });
      const query = queryOf('users', { timeout: 0 });
      await expect(subject.store.query(query)).rejects.toThrow(QueryTimeout);
      await expect(subject.store.count(query)).rejects.toThrow(QueryTimeout);
    });

    test('[IDX1] results are the same with an index', async () => {
      const data = { a: { n: 1 }, b: { n: '1' }, c: {}, d: { n: 5 }, e: { n: [5] } };
      await fill('users', data);
      const order = { keys: [{ field: 'n', descending: false }] };
      const queries = [
        queryOf('users', { filter: comparison(['n'], '=', 1) }),
        queryOf('users', { filter: comparison(['n'], '>', 0), order }),
        queryOf('users', { filter: comparison(['n'], '=', null) }),
        queryOf('users', { order }),
      ];
      const before = await Promise.all(queries.map(ids));
      await subject.store.prepare([layout('users', [{ fields: ['n'], unique: false }])]);
      expect(await Promise.all(queries.map(ids))).toEqual(before);
      expect(before).toEqual(['a', 'ad', 'c', 'adbec']);
    });
  });
}

function filterCases(
  ids: (query: Query) => Promise<string>,
  fill: (collection: string, data: Record<string, JsonObject>) => Promise<unknown>,
): void {
  const cases: [what: string, RqlOperator, JsonValue, found: string][] = [
    ['[RQL4] a number never equals a text', '=', 1, 'a'],
    ['[RQL4] a text never equals a number', '=', '1', 'b'],
    ['[RQL4] a boolean is no number', '=', true, 'c'],
    ['[RQL4] a missing value equals only null', '=', null, 'fg'],
    ['[RQL4] and differs from everything else', '!=', 1, 'bcdefgh'],
    ['[RQL4] numbers are ordered among numbers', '>', 0, 'ah'],
    ['[RQL4] texts are ordered among texts', '>', '', 'b'],
    ['[RQL4] no number is less than a text', '<', 'z', 'b'],
    ['[RQL4] nothing is ordered against a boolean', '<=', true, ''],
    ['[RQL4] nor against null', '>=', null, ''],
    ['[RQL2] between includes both ends', 'between', [1, 5], 'ah'],
    ['[RQL2] in, of several kinds', 'in', [1, '1', null, { x: [1] }, 'no'], 'abefg'],
    ['[RQL2] in nothing', 'in', [], ''],
    ['[RQL2] contains', 'contains', 2, 'd'],
    ['[RQL2] contains, by deep equality', 'contains', { y: 1, x: '2' }, 'd'],
    ['[RQL2] contains null', 'contains', null, 'd'],
    ['[RQL2] contains with a number does not match a text', 'contains', '2', ''],
    ['[RQL7] a text that contains a text', 'contains', '1', 'b'],
    ['[RQL7] every text contains the empty one', 'contains', '', 'b'],
    ['[RQL7] an element ignoring case', 'contains ignoring case', 'X', 'd'],
    ['[RQL2] starts with', 'starts with', '1', 'b'],
    ['[RQL2] starts with the empty text matches any text', 'starts with', '', 'b'],
    ['[RQL2] starts with a text as long as a message', 'starts with', '1'.repeat(1_000_000), ''],
    ['[RQL2] starts with only the last code point', 'starts with', '\u{10ffff}\u{10ffff}', ''],
    ['[RQL2] equals a list', '=', [2, 'x', null, { x: '2', y: 1 }], 'd'],
    ['[RQL2] equals an object', '=', { x: [1] }, 'e'],
  ];
  test.each(cases)('%s', async (_what, operator, value, found) => {
    await fill('users', {
      a: { n: 1 },
      b: { n: '1' },
      c: { n: true },
      d: { n: [2, 'x', null, { x: '2', y: 1 }] },
      e: { n: { x: [1] } },
      f: {},
      g: { n: null },
      h: { n: 5 },
    });
    const order = { keys: [{ field: '_r', descending: false }] };
    const filter = comparison(['n'], operator, value);
    expect(await ids(queryOf('users', { order, filter }))).toBe(found);
    const others = [...'abcdefgh'].filter((id) => !found.includes(id)).join('');
    const not = { kind: 'not', operand: filter } as const;
    expect(await ids(queryOf('users', { order, filter: not }))).toBe(others);
  });

  test('[RQL1] [RQL3] and, or, not, inner fields, _r and _rev', async () => {
    await fill('users', { a: { o: { n: 1 } }, b: { o: { n: 2 } }, c: { o: [{ n: 1 }] }, d: {} });
    const order = { keys: [{ field: '_r', descending: false }] };
    const is = (value: JsonValue) => comparison(['o', 'n'], '=', value);
    const either = { kind: 'or', left: is(1), right: is(2) } as const;
    expect(await ids(queryOf('users', { order, filter: either }))).toBe('ab');
    const neither = { kind: 'not', operand: either } as const;
    const first = comparison(['_rev'], '=', 1);
    const filter = { kind: 'and', left: neither, right: first } as const;
    expect(await ids(queryOf('users', { order, filter }))).toBe('cd');
    const byR = (operator: RqlOperator, value: JsonValue) =>
      ids(queryOf('users', { order, filter: comparison(['_r'], operator, value) }));
    expect(await byR('=', '/users/b')).toBe('b');
    expect(await byR('!=', '/users/b')).toBe('acd');
    expect(await byR('in', ['/users/d', '/users/a', '/notes/b', 'b', 5])).toBe('ad');
    expect(await byR('>', '/users/b')).toBe('cd');
    expect(await byR('starts with', '/users/')).toBe('abcd');
    expect(await byR('=', null)).toBe('');
    expect(await ids(queryOf('users', { filter: comparison(['_rev'], '=', '1') }))).toBe('');
    expect(await ids(queryOf('users', { filter: comparison(['_rev', 'x'], '=', null) }))).toBe(
      'dcba',
    );
  });
}
