import { describe, expect, test } from 'vitest';
import { ProtocolError } from '../errors.js';
import type { JsonObject, JsonValue } from '../json/json.js';
import type { RqlExpression } from './ast.js';
import { bindRql } from './bind.js';
import { fieldsOfRql } from './fields.js';
import { parseRql } from './parse.js';

describe('comparisons', () => {
  test.each<[string, RqlExpression]>([
    ['age >= 18', comparison('age', '>=', 18)],
    ['age>=18', comparison('age', '>=', 18)],
    ["\t name\n= 'Amal' ", comparison('name', '=', 'Amal')],
    ['a != -1.5e+2', comparison('a', '!=', -150)],
    ['a < 0', comparison('a', '<', 0)],
    ['a <= 1e3', comparison('a', '<=', 1000)],
    ['a > 1E-2', comparison('a', '>', 0.01)],
    ['a = true', comparison('a', '=', true)],
    ['a = FALSE', comparison('a', '=', false)],
    ['a = Null', comparison('a', '=', null)],
    ['_rev > 3', comparison('_rev', '>', 3)],
    ["_r = '/users/1'", comparison('_r', '=', '/users/1')],
    ['tags CONTAINS 1', comparison('tags', 'contains', 1)],
    ["t contains 'a' Ignoring\n Case", comparison('t', 'contains ignoring case', 'a')],
    ["t contains 'a'ignoring case", comparison('t', 'contains ignoring case', 'a')],
    ['ignoring = 1', comparison('ignoring', '=', 1)],
    ["name Starts\n With 'A'", comparison('name', 'starts with', 'A')],
    ["größe = 'ü'", comparison('größe', '=', 'ü')],
    ["t = ''", comparison('t', '=', '')],
    ["t = 'it''s'''", comparison('t', '=', "it's'")],
    ["t = 'a\\'", comparison('t', '=', 'a\\')],
    ['t = \'a "and" b\n)\'', comparison('t', '=', 'a "and" b\n)')],
    ['first-name = 1', comparison('first-name', '=', 1)],
    ['android = 1', comparison('android', '=', 1)],
    ['nothing = 1', comparison('nothing', '=', 1)],
    ['and = 1', comparison('and', '=', 1)],
  ])('[RQL2] [RQL3] %j', (text, expression) => {
    expect(bound(text)).toEqual(expression);
  });

  test('[RQL3] a path reaches into objects', () => {
    expect(bound('picture.large.url = 1')).toEqual({
      kind: 'comparison',
      field: ['picture', 'large', 'url'],
      operator: '=',
      value: 1,
    });
  });

  test.each([
    ['j.1a = 1', ['j', '1a']],
    ['j.2024.0.x-1 = 1', ['j', '2024', '0', 'x-1']],
    ['j.not = 1', ['j', 'not']],
    ['not j.1 = 1', ['j', '1']],
  ])("[RQL3] %s: a member's name may begin with a digit", (text, field) => {
    expect(fieldsOfRql(parseRql(text))).toEqual([field]);
  });

  test.each<[string, JsonObject, RqlExpression]>([
    ['a = $x', { x: { y: [1] } }, comparison('a', '=', { y: [1] })],
    ['a In $x', { x: [1, 'b', null] }, comparison('a', 'in', [1, 'b', null])],
    ['a BETWEEN $x', { x: [1, 2] }, comparison('a', 'between', [1, 2])],
    ['a between $x', { x: ['a', 'b'] }, comparison('a', 'between', ['a', 'b'])],
    ['a starts with $2-b_C', { '2-b_C': 'x' }, comparison('a', 'starts with', 'x')],
    ['a = $constructor', { constructor: 1 }, comparison('a', '=', 1)],
    ['a = $__proto__', JSON.parse('{"__proto__":2}'), comparison('a', '=', 2)],
  ])('[RQL3] %s takes its value from values', (text, values, expression) => {
    expect(bound(text, values)).toEqual(expression);
  });
});

describe('joining', () => {
  test('[RQL1] and binds stronger than or, not stronger than both', () => {
    const [a, b, c] = ['a', 'b', 'c'].map((field) => comparison(field, '=', 1));
    expect(bound('a=1 or b=1 and c=1')).toEqual({
      kind: 'or',
      left: a,
      right: { kind: 'and', left: b, right: c },
    });
    expect(bound('(a=1 OR b=1) AND c=1')).toEqual({
      kind: 'and',
      left: { kind: 'or', left: a, right: b },
      right: c,
    });
    expect(bound('NOT a=1 and b=1')).toEqual({
      kind: 'and',
      left: { kind: 'not', operand: a },
      right: b,
    });
    expect(bound('not(a=1 and(b=1))')).toEqual({
      kind: 'not',
      operand: { kind: 'and', left: a, right: b },
    });
    expect(bound('Not not a=1')).toEqual(a);
    expect(bound('((a=1))')).toEqual(a);
  });

  test('[RQL3] a field may have the name of a keyword', () => {
    expect(bound('not = true')).toEqual(comparison('not', '=', true));
    expect(bound('not in $x', { x: [1] })).toEqual(comparison('not', 'in', [1]));
    expect(bound('not.x > 1')).toMatchObject({ field: ['not', 'x'], operator: '>' });
    expect(bound('not not = 1')).toEqual({ kind: 'not', operand: comparison('not', '=', 1) });
    const negated = (operand: RqlExpression) => ({ kind: 'not', operand });
    expect(bound('not in = 3')).toEqual(negated(comparison('in', '=', 3)));
    expect(bound('not contains contains 1')).toEqual(
      negated(comparison('contains', 'contains', 1)),
    );
    expect(bound('and = 1 and or = 2')).toEqual({
      kind: 'and',
      left: comparison('and', '=', 1),
      right: comparison('or', '=', 2),
    });
  });

  test('[RQL6] a chain of the maximum length is one level, and keeps its order', () => {
    const parts = Array.from({ length: 400 }, (_, index) => `f${index}=1`);
    const text = parts.join(' or ');
    expect(text.length).toBeLessThanOrEqual(4096);
    const tree = parseRql(text, { filter: 4096, filterDepth: 0 });
    expect(fieldsOfRql(tree).map(([field]) => `${field}=1`)).toEqual(parts);
    expect(depthOf(bindRql(tree, undefined))).toBeLessThan(12);
  });

  test('[RQL5] lists every field, each once', () => {
    const filter = parseRql('a.b = 1 and (a = 2 or not a.b = 3) and _rev > 1');
    expect(fieldsOfRql(filter)).toEqual([['a', 'b'], ['a'], ['_rev']]);
  });
});

describe('invalid filters', () => {
  test.each<[string, number]>([
    ['', 1],
    ['   ', 4],
    ['age', 4],
    ['age >', 6],
    ['age >< 3', 6],
    ['age == 3', 6],
    ['age = 1 and', 12],
    ['age = 1 2', 9],
    ['age = 1and b = 2', 7],
    ['(age = 1', 9],
    ['age = 1)', 8],
    ['age = 1; drop table users', 8],
    ["name = 'open", 8],
    ['name = "text"', 8],
    ['name = other', 8],
    ['1 = age', 1],
    ['$x = age', 1],
    ['a. = 1', 2],
    ['.a = 1', 1],
    ['a[0] = 1', 2],
    ['a = $', 5],
    ['a = 01x', 5],
    ['a = 1e999', 5],
    ['a = 9007199254740990.9', 5],
    ['1a = 1', 1],
    ['a.-b = 1', 2],
    ['a in (1, 2)', 6],
    ['a in 1', 6],
    ['a between 1', 11],
    ['a starts 1', 3],
    ['not', 4],
    ['not and = 1 not', 13],
    ['a = 1 or or b = 1', 13],
  ])('[RQL5] %j: position %i', (text, position) => {
    expect(refusal(() => parseRql(text))).toMatch(new RegExp(` at position ${position}$`));
  });

  test('[RQL5] says what was expected', () => {
    expect(refusal(() => parseRql('age >< 3'))).toBe('expected a $name or a literal at position 6');
    expect(refusal(() => parseRql('(a = 1'))).toBe('expected ")" or "and" or "or" at position 7');
  });

  test.each<[string, JsonObject | undefined, string]>([
    ['age = $none', undefined, 'no value for $none at position 7'],
    ['age = $none', {}, 'no value for $none at position 7'],
    ['age = $constructor', {}, 'no value for $constructor at position 7'],
    ['age = $__proto__', {}, 'no value for $__proto__ at position 7'],
    ['age in $x', { x: 3 }, 'in takes a list at position 8'],
    ['age in $x', { x: { length: 0 } }, 'in takes a list at position 8'],
    [
      'a between $x',
      { x: [1] },
      'between takes a list of two numbers or of two texts at position 11',
    ],
    [
      'a between $x',
      { x: [1, 2, 3] },
      'between takes a list of two numbers or of two texts at position 11',
    ],
    [
      'a between $x',
      { x: [1, 'b'] },
      'between takes a list of two numbers or of two texts at position 11',
    ],
    [
      'a between $x',
      { x: [null, null] },
      'between takes a list of two numbers or of two texts at position 11',
    ],
    ['a starts with 5', {}, 'starts with takes a text at position 15'],
    ['a = 1 or not a starts with $x', { x: null }, 'starts with takes a text at position 28'],
  ])('[RQL5] %s of %j: %s', (text, values, message) => {
    expect(refusal(() => bound(text, values))).toBe(message);
  });

  test('[RQL6] 4,096 characters and no more', () => {
    expect(bound(`a=1${' '.repeat(4093)}`)).toBeDefined();
    expect(refusal(() => parseRql(`a=1${' '.repeat(4094)}`))).toMatch(
      /4096 characters at position 4097/,
    );
  });

  test.each([
    ['parentheses', '(', ')'],
    ['not', 'not ', ''],
    ['both', 'not (', ')'],
  ])('[RQL6] 32 levels of %s, and no more', (_, open, close) => {
    const levels = open.includes('not (') ? 16 : 32;
    expect(bound(`${open.repeat(levels)}a=1${close.repeat(levels)}`)).toBeDefined();
    for (const more of [levels + 1, 600]) {
      const text = `${open.repeat(more)}a=1${close.repeat(more)}`;
      expect(refusal(() => parseRql(text))).toMatch(
        /^nested deeper than 32 levels at position \d+$/,
      );
    }
  });

  test('[RQL6] closed levels do not count', () => {
    const text = Array(40).fill('(not (a=1))').join(' and ');
    expect(bound(text)).toBeDefined();
  });
});

function comparison(
  field: string,
  operator: Extract<RqlExpression, { kind: 'comparison' }>['operator'],
  value: JsonValue,
): RqlExpression {
  return { kind: 'comparison', field: [field], operator, value };
}

function bound(text: string, values?: JsonObject): RqlExpression {
  return bindRql(parseRql(text), values);
}

function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    expect(error).toMatchObject({ code: 409, message: 'query.invalid' });
    const [message = ''] = error.errors?.['cmdOpts.query.filter'] ?? [];
    return message;
  }
  throw new Error('not refused');
}

function depthOf(filter: RqlExpression): number {
  if (filter.kind === 'comparison') return 1;
  if (filter.kind === 'not') return 1 + depthOf(filter.operand);
  return 1 + Math.max(depthOf(filter.left), depthOf(filter.right));
}
