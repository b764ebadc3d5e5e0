import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { objectData } from '../json/json.fixture.js';
import type { JsonObject, JsonValue } from '../json/json.js';
import type { RqlExpression } from './ast.js';
import { bindRql } from './bind.js';
import { parseRql } from './parse.js';
import { compilePredicate, compileSteppedPredicate, type SteppedPredicate } from './predicate.js';
import { rqlExpression, written } from './rql.fixture.js';

function resultOf(steps: ReturnType<SteppedPredicate>): boolean {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

describe('against the plain oracle', () => {
  test('[RQL1] [RQL2] [RQL4] random filters on random objects, as trees and as texts', () => {
    let found = 0;
    fc.assert(
      fc.property(rqlExpression, fc.array(objectData, { maxLength: 5 }), (expression, objects) => {
        const { filter, values } = written(expression);
        const asTree = compilePredicate(expression);
        const asText = compilePredicate(bindRql(parseRql(filter), values));
        const inSteps = compileSteppedPredicate(expression);
        for (const object of objects) {
          const wanted = plainly(expression, object);
          if (wanted) found += 1;
          const results = [asTree(object), asText(object), resultOf(inSteps(object))];
          expect(results, filter).toEqual([wanted, wanted, wanted]);
        }
      }),
      { numRuns: 3000 },
    );
    expect(found).toBeGreaterThan(1000);
  });

  test('[RQL1] in steps there is one for each comparison that decides', () => {
    const stepsOf = (filter: string) => {
      const steps = compileSteppedPredicate(bindRql(parseRql(filter), undefined))({ a: 1 });
      let count = 0;
      while (!steps.next().done) count += 1;
      return count;
    };
    expect(stepsOf('a = 1')).toBe(1);
    expect(stepsOf('a = 0 or a = 2 or not a = 1')).toBe(3);
    expect(stepsOf('a = 1 or a = 2 or a = 3')).toBe(1);
    expect(stepsOf('a = 0 and a = 1')).toBe(1);
  });

  test('[RQL1] not is the opposite, != that of =', () => {
    fc.assert(
      fc.property(rqlExpression, objectData, (expression, object) => {
        const holds = compilePredicate(expression)(object);
        expect(compilePredicate({ kind: 'not', operand: expression })(object)).toBe(!holds);
        if (expression.kind === 'comparison' && expression.operator === '=') {
          expect(compilePredicate({ ...expression, operator: '!=' })(object)).toBe(!holds);
        }
      }),
    );
  });
});

describe('what a filter finds', () => {
  const object = {
    _r: '/users/1',
    _rev: 3,
    age: 20,
    name: 'Amal',
    admin: false,
    tags: ['a', 'b', { x: 1, y: 2 }],
    picture: { large: 'l', sizes: [1, 2] },
    nothing: null,
  };

  test.each<[string, boolean]>([
    ['age = 20', true],
    ["age = '20'", false],
    ["age != '20'", true],
    ['age = 20.0', true],
    ["name > 'Am'", true],
    ['name > 5', false],
    ['name <= 5', false],
    ['not name > 5', true],
    ['age < true', false],
    ['admin >= false', false],
    ['admin = false', true],
    ['missing = null', true],
    ['missing != null', false],
    ['missing = 0', false],
    ["missing = ''", false],
    ['missing = false', false],
    ['missing != 0', true],
    ['missing < 1', false],
    ['missing >= 0', false],
    ['missing <= $null', false],
    ['missing in $list', false],
    ['missing in $withNull', true],
    ['nothing = null', true],
    ['missing between $numbers', false],
    ["missing starts with ''", false],
    ['missing contains null', false],
    ['age between $numbers', true],
    ['age between $low', true],
    ['age between $high', true],
    ['age between $backwards', false],
    ['age in $list', true],
    ["tags contains 'a'", true],
    ['tags contains $object', true],
    ["tags contains 'c'", false],
    ["name contains 'ma'", true],
    ["name contains 'Ma'", false],
    ["name contains ''", true],
    ['name contains 5', false],
    ["name contains 'MA' ignoring case", true],
    ["tags contains 'A' ignoring case", true],
    ["tags contains 'A'", false],
    ["missing contains ''", false],
    ["age contains '2' ignoring case", false],
    ['tags = $tags', true],
    ["name starts with 'Am'", true],
    ["name starts with 'am'", false],
    ["age starts with '2'", false],
    ["picture.large = 'l'", true],
    ['picture.sizes contains 2', true],
    ['picture.sizes.length = 2', false],
    ['name.length = 4', false],
    ['tags.x = null', true],
    ['picture.small.deep = null', true],
    ['constructor = null', true],
    ['toString.name = null', true],
    ["_r = '/users/1' and _rev >= 3", true],
    ["_r starts with '/users/'", true],
  ])('[RQL4] %s: %s', (filter, found) => {
    const values = {
      null: null,
      list: [1, 20],
      withNull: [1, null],
      numbers: [10, 30],
      low: [20, 30],
      high: [10, 20],
      backwards: [30, 10],
      object: { y: 2, x: 1 },
      tags: ['a', 'b', { y: 2, x: 1 }],
    };
    expect(compilePredicate(bindRql(parseRql(filter), values))(object)).toBe(found);
  });

  test('[RQL4] text compares by code point', () => {
    const isAfter = compilePredicate(bindRql(parseRql("t > '\uffff'"), undefined));
    expect(isAfter({ t: '\u{1f600}' })).toBe(true);
    expect(isAfter({ t: '\ufffe' })).toBe(false);
  });

  test('[RQL4] a list of values of the maximum length is fast', () => {
    const list = Array.from({ length: 50_000 }, (_, n) => ({ n }));
    const predicate = compilePredicate(bindRql(parseRql('a in $list'), { list }));
    const before = process.cpuUsage();
    for (let n = 0; n < 1000; n++) expect(predicate({ a: { n: n + 49_500 } })).toBe(n < 500);
    // CPU time, because the machine may be busy.
    expect(process.cpuUsage(before).user).toBeLessThan(2_000_000);
  });
});

/** The oracle: what a filter finds, as simply as possible. */
function plainly(expression: RqlExpression, object: JsonObject): boolean {
  switch (expression.kind) {
    case 'and':
      return plainly(expression.left, object) && plainly(expression.right, object);
    case 'or':
      return plainly(expression.left, object) || plainly(expression.right, object);
    case 'not':
      return !plainly(expression.operand, object);
    default:
      return holds(plainValue(object, expression.field), expression.operator, expression.value);
  }
}

function plainValue(object: JsonObject, [name = '', ...rest]: readonly string[]): JsonValue {
  const value = new Map(Object.entries(object)).get(name) ?? null;
  if (rest.length === 0) return value;
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? plainValue(value, rest)
    : null;
}

function isSameFolded(a: JsonValue, b: JsonValue): boolean {
  return typeof a === 'string' && typeof b === 'string' && a.toLowerCase() === b.toLowerCase();
}

function holds(value: JsonValue, operator: string, operand: JsonValue): boolean {
  const list = Array.isArray(operand) ? operand : [];
  const before = (a: JsonValue, b: JsonValue): boolean => {
    if (typeof a === 'number' && typeof b === 'number') return a < b;
    if (typeof a !== 'string' || typeof b !== 'string') return false;
    return Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0;
  };
  const isOrdered = typeof value === typeof operand && /number|string/.test(typeof value);
  switch (operator) {
    case '=':
      return isDeepStrictEqual(value, operand);
    case '!=':
      return !isDeepStrictEqual(value, operand);
    case '<':
      return before(value, operand);
    case '<=':
      return isOrdered && !before(operand, value);
    case '>':
      return before(operand, value);
    case '>=':
      return isOrdered && !before(value, operand);
    case 'in':
      return list.some((element) => isDeepStrictEqual(element, value));
    case 'between':
      return holds(value, '>=', list[0] ?? null) && holds(value, '<=', list[1] ?? null);
    case 'contains':
      if (typeof value === 'string') return typeof operand === 'string' && value.includes(operand);
      return Array.isArray(value) && value.some((element) => isDeepStrictEqual(element, operand));
    case 'contains ignoring case':
      // The values of the fixtures have only letters of ASCII.
      if (Array.isArray(value)) return value.some((element) => isSameFolded(element, operand));
      return (
        typeof value === 'string' &&
        typeof operand === 'string' &&
        value.toLowerCase().includes(operand.toLowerCase())
      );
    default:
      return (
        typeof value === 'string' && typeof operand === 'string' && value.indexOf(operand) === 0
      );
  }
}
