import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JsonObject, JsonValue } from '../json/json.js';
import { applyInClient } from './apply-in-client.js';
import { applyOps } from './apply-ops.js';
import { fittingOps, listOps } from './field-op.fixture.js';
import type { FieldOp } from './field-op.js';
import { plainOps } from './plain-ops.fixture.js';

/** `undefined` where an operation does not fit. */
function inClient(before: JsonObject, ops: readonly FieldOp[]): JsonObject | undefined {
  try {
    return applyInClient(before, ops);
  } catch (error) {
    expect(error).toBeInstanceOf(RangeError);
    return undefined;
  }
}

/** Asserts that the simple version agrees, and that the inputs stay as they are. Returns whether the operations fit. */
function fitsPlainOps(before: JsonObject, ops: readonly FieldOp[]): boolean {
  const kept = structuredClone({ before, ops });
  const result = applyOps(before, ops);
  expect({ before, ops }, 'inputs are left alone').toEqual(kept);
  const plain = plainOps(before, ops);
  if (result.ok) {
    expect(plain).toEqual({ after: result.after });
    return true;
  }
  const first = Object.entries(result.errors).map(([key, [error]]) => [key, error]);
  expect(plain).toEqual({ errors: Object.fromEntries(first) });
  return false;
}

describe('against the plain oracle', () => {
  test('[UPD1] [UPD6] [UPD7] [UPD8] [UPD9] [UPD10] [UPD12] random operations on random objects', () => {
    let accepted = 0;
    fc.assert(
      fc.property(fittingOps, ({ before, ops }) => {
        const result = applyOps(before, ops);
        expect(inClient(before, ops)).toEqual(result.ok ? result.after : undefined);
        if (fitsPlainOps(before, ops)) accepted += 1;
      }),
      { numRuns: 3000 },
    );
    expect(accepted).toBeGreaterThan(500);
  });

  test('[UPD8] [UPD9] [UPD12] many operations on the same lists', () => {
    let accepted = 0;
    fc.assert(
      fc.property(listOps, ({ before, ops }) => {
        const fitting = ops.filter(
          (_, index) => !('errors' in plainOps(before, [ops[index] as FieldOp])),
        );
        for (const chosen of [ops, fitting]) {
          if (fitsPlainOps(before, chosen)) accepted += 1;
        }
      }),
      { numRuns: 3000 },
    );
    expect(accepted).toBeGreaterThan(500);
  });

  test('[UPD1] frozen objects work, and unchanged parts are shared', () => {
    const before = deepFreeze({ a: { b: { c: 1 } }, list: [{ x: 1 }, { x: 2 }], other: { y: 1 } });
    const result = applyOps(before, [
      { op: 'set', key: 'a.b.c', value: deepFreeze({ d: 1 }) },
      { op: 'set', key: 'a.b.c.d', value: 2 },
      { op: 'addNumber', key: 'list[0].x', value: 5 },
      { op: 'push', key: 'list', value: deepFreeze([{ x: 3 }]) },
      { op: 'addNumber', key: 'list[2].x', value: 1 },
    ]);
    if (!result.ok) throw new Error('refused');
    expect(result.after).toEqual({
      a: { b: { c: { d: 2 } } },
      list: [{ x: 6 }, { x: 2 }, { x: 4 }],
      other: { y: 1 },
    });
    expect(result.after.other).toBe(before.other);
    expect(result.touched).toEqual(['a', 'list']);
  });
});

describe('set', () => {
  test.each<[string, JsonObject, string, JsonValue, JsonObject]>([
    ['a field', { a: 1 }, 'a', 2, { a: 2 }],
    ['a missing field', {}, 'a', [1], { a: [1] }],
    ['a member', { p: { x: 1, y: 2 } }, 'p.x', 3, { p: { x: 3, y: 2 } }],
    ['with objects missing on the way', { z: 1 }, 'a.b.c', 1, { z: 1, a: { b: { c: 1 } } }],
    ['with null on the path', { j: { a: null } }, 'j.a.b', 1, { j: { a: { b: 1 } } }],
    ['an element', { l: ['a', 'b'] }, 'l[1]', 'c', { l: ['a', 'c'] }],
    ['in an element', { l: [{ x: 1 }] }, 'l[0].x', 2, { l: [{ x: 2 }] }],
    ['in a list of lists', { l: [[1], [2, 3]] }, 'l[1][0]', 4, { l: [[1], [4, 3]] }],
    ['null: unsets a field', { a: 1, b: 2 }, 'a', null, { b: 2 }],
    ['null: unsets a member', { p: { x: 1, y: 2 } }, 'p.x', null, { p: { y: 2 } }],
    ['null: creates nothing on the path', { z: 1 }, 'a.b.c', null, { z: 1 }],
    ['null: keeps the position of an element', { l: [1, 2] }, 'l[0]', null, { l: [null, 2] }],
    ['null within a value stays', {}, 'j', { a: null, b: [null] }, { j: { a: null, b: [null] } }],
  ])('[UPD6] %s', (_, before, key, value, after) => {
    expect(applyOps(before, [{ op: 'set', key, value }])).toMatchObject({ ok: true, after });
    expect(after).toEqual(resultOf(before, { op: 'set', key, value }));
  });

  test.each<[JsonObject, string, string]>([
    [{ a: 'text' }, 'a.b', 'type.invalid'],
    [{ a: [1] }, 'a.b', 'type.invalid'],
    [{ a: 1 }, 'a[0]', 'error.not.a.list'],
    [{ a: {} }, 'a[0]', 'error.not.a.list'],
    [{ a: [1] }, 'a[1]', 'error.index.out.of.range'],
    [{}, 'a[0]', 'error.index.out.of.range'],
    [{}, 'a[0].b', 'error.index.out.of.range'],
    [{}, 'a[99999999999999]', 'error.index.out.of.range'],
  ])('[UPD10] where the path of %j ends before %s: %s', (before, key, error) => {
    expect(errorOf(before, { op: 'set', key, value: 1 })).toEqual({ [key]: [error] });
  });
});

describe('addNumber', () => {
  test('[UPD7] adds, and counts an unset field as 0', () => {
    expect(resultOf({ n: 3 }, { op: 'addNumber', key: 'n', value: -5 })).toEqual({ n: -2 });
    expect(resultOf({}, { op: 'addNumber', key: 'a.n', value: 2 })).toEqual({ a: { n: 2 } });
  });

  test.each<[JsonObject, JsonValue, string]>([
    [{ n: '3' }, 1, 'error.non.numeric.field'],
    [{ n: [] }, 1, 'error.non.numeric.field'],
    [{ n: false }, 1, 'error.non.numeric.field'],
    [{ n: 3 }, '1', 'error.value.should.be.number'],
    [{ n: 3 }, null, 'error.value.should.be.number'],
    [{ n: 1.7e308 }, 1.7e308, 'error.value.should.be.number'],
    [{}, JSON.parse('1e999'), 'error.value.should.be.number'],
  ])('[UPD10] %j and %j: %s', (before, value, error) => {
    expect(errorOf(before, { op: 'addNumber', key: 'n', value })).toEqual({ n: [error] });
  });
});

describe('lists', () => {
  const tags = ['a', 'b', 'a'];
  test.each<[FieldOp['op'], JsonValue, JsonValue[]]>([
    ['push', 'c', ['a', 'b', 'a', 'c']],
    ['push', ['a', 'c'], ['a', 'b', 'a', 'a', 'c']],
    ['push', [['c']], ['a', 'b', 'a', ['c']]],
    ['push', [], tags],
    ['addToSet', 'a', tags],
    ['addToSet', 'c', ['a', 'b', 'a', 'c']],
    ['addToSet', ['c', 'b', 'c'], ['a', 'b', 'a', 'c']],
    ['pull', 'a', ['b']],
    ['pull', ['a', 'b', 'x'], []],
    ['pull', 'x', tags],
  ])('[UPD8] %s %j', (op, value, after) => {
    expect(resultOf({ tags }, { op, key: 'tags', value })).toEqual({ tags: after });
  });

  test('[UPD8] pull removes elements that equal the value, or an element of it', () => {
    const before = { l: [[1, 2], 1, 3, [1]] };
    expect(resultOf(before, { op: 'pull', key: 'l', value: [1, 2] })).toEqual({ l: [3, [1]] });
  });

  test('[UPD8] equal means deeply equal', () => {
    const before = { l: [{ a: 1, b: [2] }] };
    const same = { b: [2], a: 1 };
    expect(resultOf(before, { op: 'addToSet', key: 'l', value: same })).toEqual(before);
    expect(resultOf(before, { op: 'pull', key: 'l', value: [same, 1, 2, 3, 4] })).toEqual({
      l: [],
    });
  });

  test('[UPD8] an unset list is empty; adding nothing leaves it unset', () => {
    expect(resultOf({}, { op: 'push', key: 'p.tags', value: 'a' })).toEqual({ p: { tags: ['a'] } });
    expect(resultOf({}, { op: 'insertAt', key: 'l', value: 1, opArgs: { index: 0 } })).toEqual({
      l: [1],
    });
    expect(resultOf({}, { op: 'pull', key: 'l', value: 1 })).toEqual({});
    expect(resultOf({}, { op: 'push', key: 'p.l', value: [] })).toEqual({});
  });

  test('[UPD9] insertAt inserts one value before the index, removeAt removes one', () => {
    const insert = (index: number): FieldOp => ({
      op: 'insertAt',
      key: 'tags',
      value: ['x'],
      opArgs: { index },
    });
    expect(resultOf({ tags }, insert(0))).toEqual({ tags: [['x'], 'a', 'b', 'a'] });
    expect(resultOf({ tags }, insert(3))).toEqual({ tags: ['a', 'b', 'a', ['x']] });
    const remove: FieldOp = { op: 'removeAt', key: 'tags', opArgs: { index: 1 } };
    expect(resultOf({ tags }, remove)).toEqual({ tags: ['a', 'a'] });
  });

  test.each<[FieldOp['op'], number | undefined]>([
    ['insertAt', 4],
    ['insertAt', -1],
    ['insertAt', 0.5],
    ['insertAt', undefined],
    ['removeAt', 3],
    ['removeAt', -1],
    ['removeAt', undefined],
  ])('[UPD10] %s %s lies outside', (op, index) => {
    const errors = { tags: ['error.index.out.of.range'] };
    expect(errorOf({ tags }, { op, key: 'tags', value: 1, opArgs: { index } })).toEqual(errors);
    expect(errorOf({}, { op: 'removeAt', key: 'tags', opArgs: { index: 0 } })).toEqual(errors);
  });

  test.each(['push', 'addToSet', 'pull', 'insertAt', 'removeAt'] as const)(
    '[UPD10] %s on what is no list',
    (op) => {
      for (const value of [1, 'ab', {}, false]) {
        const sent: FieldOp = { op, key: 'f.x', value: 1, opArgs: { index: 0 } };
        expect(errorOf({ f: { x: value } }, sent)).toEqual({ 'f.x': ['error.not.a.list'] });
      }
    },
  );

  test('[LIM8] a list does not grow beyond its limit, and one beyond it may shrink', () => {
    const grow = (value: JsonValue): FieldOp => ({ op: 'push', key: 'l', value });
    expect(applyOps({ l: [1, 2] }, [grow(3)], { list: 3 }).ok).toBe(true);
    expect(applyOps({ l: [1, 2] }, [grow([3, 4])], { list: 3 })).toEqual({
      ok: false,
      errors: { l: ['type.invalid'] },
    });
    const shrink: FieldOp = { op: 'pull', key: 'l', value: 1 };
    expect(applyOps({ l: [1, 2, 3, 4, 5] }, [shrink], { list: 3 }).ok).toBe(true);
  });

  test('[DUR5] the maximum number of operations, on a list of the maximum length', () => {
    const l = Array.from({ length: 10_000 }, (_, n) => ({ n }));
    const ops = Array.from({ length: 1000 }, (_, n): FieldOp => {
      return { op: n % 2 ? 'addToSet' : 'pull', key: 'l', value: { n: -n } };
    });
    const result = applyOps({ l }, ops);
    // 0 to 998, the even ones, are pulled; -1 to -999, the odd ones, are added.
    expect(result.ok && result.after.l).toHaveLength(10_000 - 1 + 500);
  });
});

describe('[LIM22] the work of one update', () => {
  const element = { text: 'x'.repeat(1000) };
  const again: FieldOp[] = Array.from({ length: 20 }, (_, n) => [
    { op: 'set', key: 'l[0].n', value: n } as const,
    { op: 'addToSet', key: 'l', value: 1 } as const,
  ]).flat();

  test('an element that is compared again after a change counts again', () => {
    const before = { l: [element] };
    expect(applyOps(before, again, { updateWork: 30_000 }).ok).toBe(true);
    const refused = { ok: false, errors: { 'l[0].n': ['beyond limits.updateWork'] } };
    expect(applyOps(before, again, { updateWork: 5000 })).toEqual(refused);
    expect(before).toEqual({ l: [{ text: 'x'.repeat(1000) }] });
  });

  test('an unchanged element is compared once, however many operations use it', () => {
    const l = Array.from({ length: 100 }, (_, n) => ({ ...element, n }));
    const ops = Array.from({ length: 1000 }, (_, n): FieldOp => {
      return { op: 'pull', key: 'l', value: { n } };
    });
    expect(applyOps({ l }, ops, { updateWork: 150_000 }).ok).toBe(true);
  });

  test('lists of the maximum length can be changed by as many operations as an update may have', () => {
    const l = Array.from({ length: 10_000 }, (_, n) => ({ n }));
    const ops = Array.from({ length: 1000 }, (_, n): FieldOp[] => [
      { op: 'pull', key: 'l', value: { n } },
      { op: 'insertAt', key: 'l', value: { n: -n }, opArgs: { index: n } },
    ]).flat();
    expect(applyOps({ l }, ops.slice(0, 1000), { updateWork: 4 * 1024 * 1024 }).ok).toBe(true);
  });
});

describe('several operations', () => {
  test('[UPD12] see each other', () => {
    const result = applyOps({}, [
      { op: 'set', key: 'p', value: { l: [1] } },
      { op: 'push', key: 'p.l', value: [2, 2] },
      { op: 'pull', key: 'p.l', value: 2 },
      { op: 'addNumber', key: 'p.l[0]', value: 1 },
      { op: 'addNumber', key: 'n', value: 1 },
    ]);
    expect(result).toEqual({ ok: true, after: { p: { l: [2] }, n: 1 }, touched: ['p', 'n'] });
  });

  test('[UPD1] [UPD10] all or none, and every operation that does not fit is reported under its key', () => {
    const before = { n: 1, s: 'x' };
    expect(
      applyOps(before, [
        { op: 'addNumber', key: 'n', value: 1 },
        { op: 'addNumber', key: 's', value: 1 },
        { op: 'push', key: 's', value: 1 },
        { op: 'push', key: 's', value: 2 },
        { op: 'set', key: 's[0].constructor', value: 1 },
      ]),
    ).toEqual({
      ok: false,
      errors: {
        s: ['error.non.numeric.field', 'error.not.a.list'],
        's[0].constructor': ['error.not.a.list'],
      },
    });
    expect(before).toEqual({ n: 1, s: 'x' });
  });
});

describe('names that objects inherit', () => {
  test.each(['__proto__', '__proto__.x', 'a.__proto__', 'a.__proto__.x', 'l[0].__proto__.x'])(
    '[UPD5] %s is refused',
    (key) => {
      const result = applyOps({ a: {}, l: [{}] }, [{ op: 'set', key, value: 1 }]);
      expect(result.ok).toBe(false);
      expect(!result.ok && Object.keys(result.errors)).toEqual([key]);
      expect(Object.prototype).not.toHaveProperty('x');
    },
  );

  test('[UPD5] constructor and the like are ordinary members', () => {
    const result = applyOps({}, [
      { op: 'set', key: 'constructor.prototype.x', value: 1 },
      { op: 'addNumber', key: 'toString', value: 1 },
      { op: 'push', key: 'j.hasOwnProperty', value: 1 },
      { op: 'set', key: 'valueOf', value: null },
    ]);
    expect(result).toMatchObject({
      ok: true,
      after: { constructor: { prototype: { x: 1 } }, toString: 1, j: { hasOwnProperty: [1] } },
    });
    expect(Object.prototype).not.toHaveProperty('x');
  });

  test('[UPD5] __proto__ within a value is data', () => {
    const value = JSON.parse('{"__proto__":{"x":1},"y":1}');
    const ops: FieldOp[] = [
      { op: 'set', key: 'j', value },
      { op: 'addNumber', key: 'j.y', value: 1 },
    ];
    const after = JSON.stringify(resultOf({}, ...ops));
    expect(after).toBe('{"j":{"__proto__":{"x":1},"y":2}}');
    expect(JSON.stringify(value)).toBe('{"__proto__":{"x":1},"y":1}');
  });
});

function resultOf(before: JsonObject, ...ops: FieldOp[]): JsonObject {
  const result = applyOps(deepFreeze(before), ops);
  if (!result.ok) throw new Error(JSON.stringify(result.errors));
  return result.after;
}

function errorOf(before: JsonObject, op: FieldOp): Record<string, string[]> {
  const result = applyOps(before, [op]);
  if (result.ok) throw new Error('not refused');
  return result.errors;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}
