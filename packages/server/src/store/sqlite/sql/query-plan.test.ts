import type { JsonValue, RqlExpression, RqlOperator, SortPosition } from '@really/protocol';
import type { Database } from 'better-sqlite3';
import { beforeEach, describe, expect, test } from 'vitest';
import type { StoredFieldType } from '../../collection-layout.js';
import { layout } from '../../contract/sample-writes.js';
import type { Order, Scope } from '../../store-reads.js';
import { defaultSqliteConfig } from '../config.js';
import { openForWriting } from '../open-database.js';
import { Scratch } from '../scratch.fixture.js';
import { Collections } from '../tables/collections.js';
import { childrenOf, referrersOf } from '../tables/dependents-reader.js';
import { mistypedCondition } from '../tables/schema.js';
import { compileOrder, compileQuery } from './query-compiler.js';
import { QueryFunctions } from './query-functions.js';
import { sql } from './sql.js';

const scratch = Scratch.each();
const users: Scope = { names: ['users'], parents: [] };
const posts = (parent: string): Scope => ({ names: ['users', 'posts'], parents: [parent] });
const is = (field: string, operator: RqlOperator, value: JsonValue): RqlExpression => ({
  kind: 'comparison',
  field: field.split('.'),
  operator,
  value,
});
const byId: Order = { keys: [{ field: '_r', descending: true }] };

const types: StoredFieldType[] = [
  { field: 'age', type: 'number' },
  { field: 'email', type: 'text' },
];

let db: Database;
beforeEach(() => {
  ({ db } = openForWriting({ ...defaultSqliteConfig, file: scratch.file() }));
  scratch.defer(() => void db.close());
  const indexes = [
    { fields: ['age'], unique: false },
    { fields: ['email'], unique: true },
    { fields: ['o.p'], unique: false },
    { fields: ['it\'s "odd"'], unique: false },
    { fields: ['status', 'priority'], unique: false },
  ];
  const collections = new Collections(db);
  const posts = { ...layout('users/posts', indexes), references: ['author', 'readers[]'] };
  collections.layOut([{ ...layout('users', indexes), types }, posts], 1);
  new QueryFunctions(db);
});

interface Asked {
  readonly scope?: Scope;
  readonly filter?: RqlExpression;
  readonly order?: Order;
  readonly from?: SortPosition;
  readonly id?: string;
  readonly below?: readonly string[];
}

/** SQLite's plan for the parts of a query, a line each. */
function plansOf({ scope = users, order = byId, from, ...asked }: Asked): string[] {
  const { table, condition } = compileQuery({ scope, ...asked });
  return compileOrder(order, from).map((phase) => {
    const { text, values } = sql`EXPLAIN QUERY PLAN
      SELECT id, parents, data FROM ${table} WHERE ${condition} AND ${phase.condition}
      ORDER BY ${phase.order} LIMIT ${10} OFFSET ${0}`;
    const steps = db.prepare(text).all(...values) as { detail: string }[];
    return steps.map(({ detail }) => detail).join('; ');
  });
}

const usesIndex = (condition: string) =>
  expect.stringMatching(new RegExp(`SEARCH .* USING INDEX index/\\S+ \\(${condition}`));
const sorts = expect.stringContaining('USE TEMP B-TREE FOR ORDER BY');
const scans = expect.stringContaining('SCAN');

describe('[IDX1] an index is used', () => {
  const cases: [string, RqlExpression][] = [
    ['a number', is('age', '=', 5)],
    ['a text', is('age', '=', 'x')],
    ['true', is('age', '=', true)],
    ['an object', is('age', '=', { a: 1 })],
    ['odd text', is('age', '=', '\ud800')],
    ['nothing', is('age', '=', null)],
    ['one of a list', is('age', 'in', [1, 'x'])],
    ['a unique field', is('email', '=', 'a')],
    ['an inner field', is('o.p', '=', 1)],
    ['a field with an odd name', is('it\'s "odd"', '=', 1)],
  ];
  test.each(cases)('for what equals %s', (_what, filter) => {
    expect(plansOf({ filter })).toEqual([usesIndex('<expr>=\\?')]);
  });

  const ranges: [string, RqlExpression][] = [
    ['less', is('age', '<', 5)],
    ['greater', is('age', '>=', 5)],
    ['texts that are less', is('age', '<', 'x')],
    ['texts that are greater', is('age', '>', 'x')],
    ['between', is('age', 'between', [1, 2])],
    ['starts with', is('age', 'starts with', 'ab')],
  ];
  test.each(ranges)('for what is %s', (_what, filter) => {
    expect(plansOf({ filter })).toEqual([usesIndex('<expr>[<>]\\?')]);
  });

  test('for one term of several', () => {
    const other: RqlExpression = { kind: 'not', operand: is('name', '=', 1) };
    const filter: RqlExpression = { kind: 'and', left: other, right: is('email', '=', 'a') };
    expect(plansOf({ filter })).toEqual([usesIndex('<expr>=\\?')]);
  });

  test('to sort, in both directions, without sorting anything', () => {
    for (const field of ['age', 'o.p']) {
      for (const descending of [false, true]) {
        const plans = plansOf({ order: { keys: [{ field, descending }] } });
        expect(plans).toHaveLength(2);
        for (const plan of plans) {
          expect(plan).toContain('USING INDEX index/');
          expect(plan).not.toContain('TEMP B-TREE');
        }
      }
    }
  });

  test('[LKP5] for an id below any parent, and below a few parents', () => {
    const uses = (index: string, condition: string) =>
      expect.stringMatching(new RegExp(`SEARCH .* USING INDEX ${index}/\\S+ \\(${condition}`));
    expect(plansOf({ scope: posts('*'), id: '7' })).toEqual([uses('key', 'id=\\?')]);
    for (const below of [['/users/1'], ['/users/1', '/users/2']]) {
      expect(plansOf({ scope: posts('*'), below })).toEqual([uses('parents', 'parents=\\?')]);
    }
  });

  test('to sort by a unique field: only ties are sorted, and what has none', () => {
    const [present, missing] = plansOf({
      order: { keys: [{ field: 'email', descending: false }] },
    });
    expect(present).toContain('USING INDEX index/');
    expect(present).toContain('USE TEMP B-TREE FOR LAST 2 TERMS OF ORDER BY');
    expect(missing).toEqual(usesIndex('<expr>=\\?'));
  });

  test('[FAC3] over several fields: to filter by the first and sort by the second, without sorting anything', () => {
    const filter = is('status', '=', 'open');
    for (const descending of [false, true]) {
      const order = { keys: [{ field: 'priority', descending }] };
      const [present, missing] = plansOf({ filter, order });
      expect(present).toEqual(usesIndex('<expr>=\\?'));
      expect(missing).toEqual(usesIndex('<expr>=\\? AND <expr>=\\?'));
      const [next] = plansOf({ filter, order, from: { values: [7], r: '/users/1' } });
      expect(next).toEqual(usesIndex('<expr>=\\? AND <expr>[<>]\\?'));
      for (const plan of [present, missing, next]) expect(plan).not.toEqual(sorts);
    }
    expect(plansOf({ filter })).toEqual([usesIndex('<expr>=\\?')]);
  });

  test('[FAC3] [REA13] over several fields: to sort by all of them', () => {
    const keys = ['status', 'priority'].map((field) => ({ field, descending: true }));
    const [present] = plansOf({ order: { keys } });
    expect(present).toContain('USING INDEX index/');
    expect(present).not.toEqual(sorts);
    // Missing values are last, which is not where an ascending index has them: only ties are sorted.
    const ascending = keys.map((key) => ({ ...key, descending: false }));
    const [sorted] = plansOf({ order: { keys: ascending } });
    expect(sorted).toContain('USING INDEX index/');
    expect(sorted).toContain('USE TEMP B-TREE FOR LAST 3 TERMS OF ORDER BY');
  });

  test('to go on from a position', () => {
    for (const descending of [false, true]) {
      const order = { keys: [{ field: 'age', descending }] };
      const [present, missing] = plansOf({ order, from: { values: [7], r: '/users/1' } });
      expect(present).toEqual(usesIndex('<expr>[<>]\\?'));
      expect(present).not.toEqual(sorts);
      expect(missing).toEqual(usesIndex('<expr>=\\?'));
      const [rest] = plansOf({ order, from: { values: [undefined], r: '/users/1' } });
      expect(rest).toEqual(usesIndex('<expr>=\\? AND \\(id,parents\\)[<>]'));
      expect(rest).not.toEqual(sorts);
    }
  });
});

describe('the order of ids is that of an index', () => {
  test('newest first, and from a position', () => {
    expect(plansOf({})).toEqual(['SCAN objects/users USING INDEX key/users']);
    const from = { values: [], r: '/users/5' };
    const [plan] = plansOf({ from });
    expect(plan).toMatch(
      /SEARCH objects\/users USING INDEX key\/users \(\(id,parents\)<\(\?,\?\)\)$/,
    );
  });

  test('under any parent, and under one', () => {
    expect(plansOf({ scope: posts('*') })).toEqual([
      'SCAN objects/users/posts USING INDEX key/users/posts',
    ]);
    expect(plansOf({ scope: posts('1') })).toEqual([
      'SEARCH objects/users/posts USING INDEX parents/users/posts (parents=?)',
    ]);
  });

  test('one object by its R', () => {
    const [plan] = plansOf({ filter: is('_r', '=', '/users/5') });
    expect(plan).toMatch(/SEARCH objects\/users USING INDEX key\/users \(id=\? AND parents=\?\)/);
  });
});

test('[ACC11] values of other types are found by an index of them alone', () => {
  const condition = mistypedCondition(types);
  const plan = db
    .prepare(`EXPLAIN QUERY PLAN SELECT 1 FROM "objects/users" WHERE ${condition} LIMIT 1`)
    .all() as { detail: string }[];
  expect(plan.map(({ detail }) => detail)).toEqual([
    expect.stringMatching(/^SCAN objects\/users USING (COVERING )?INDEX index\/users\/\/types\//),
  ]);
});

test('[CAS3] what depends on an object is found by indexes, in order', () => {
  const plans = [
    [childrenOf('users/posts'), ['1/', '', 100]],
    [referrersOf('users/posts'), ['/users/1', 'author', 0, '', '', 100]],
  ] as const;
  for (const [text, values] of plans) {
    const steps = db.prepare(`EXPLAIN QUERY PLAN ${text}`).all(...values) as { detail: string }[];
    expect(steps.length).toBeGreaterThan(0);
    for (const { detail } of steps)
      expect(detail).toMatch(/^SEARCH .* USING .*(INDEX|PRIMARY KEY)/);
  }
});

test('without an index the whole table is scanned', () => {
  expect(plansOf({ filter: is('name', '=', 'x') })).toEqual([scans]);
  expect(plansOf({ order: { keys: [{ field: 'name', descending: false }] } })[0]).toEqual(sorts);
});

test('values from clients never get into the text of a statement', () => {
  const value = "'); DROP TABLE x; --";
  const operators: RqlOperator[] = ['=', '<', '>=', 'contains', 'starts with'];
  for (const operator of operators) {
    const { condition } = compileQuery({ scope: users, filter: is('name', operator, value) });
    expect(condition.text).not.toContain('DROP');
    expect(condition.values.join()).toContain('DROP');
  }
});
