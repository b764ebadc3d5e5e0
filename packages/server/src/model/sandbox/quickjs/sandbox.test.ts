import type { JsonValue } from '@really/protocol';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { alwaysInScope } from '../../load/scope-names.js';
import { returned, sourceOf, TestSandbox } from './sandbox.fixture.js';

let sandbox: TestSandbox;

beforeAll(async () => {
  sandbox = await TestSandbox.open();
});

afterAll(() => sandbox.close());

describe('arguments and results of a script', () => {
  test('[HOK8] an expression gives its value, a body what it returns', async () => {
    expect(await sandbox.value('a.n + b', { a: { n: 1 }, b: 2 })).toEqual(returned(3));
    expect(await sandbox.body('const twice = n * 2; return twice;', { n: 4 })).toEqual(returned(8));
    expect(await sandbox.body('let unused = 1;')).toEqual(returned(undefined));
    const add = '(first, last) => first + " " + last';
    expect(await sandbox.value(`(${add})(x, y)`, { x: 'Ada', y: 'Byron' })).toEqual(
      returned('Ada Byron'),
    );
    const named = 'function full(first, ...rest) { return [first, rest.length]; }';
    expect(await sandbox.value(`(${named})(x, y)`, { x: 'Ada', y: 'Byron' })).toEqual(
      returned(['Ada', 1]),
    );
  });

  test('[CAL1] a member of the scope named `this` is what `this` stands for', async () => {
    const scope = { this: { first: 'Ada', last: 'Byron' } };
    expect(await sandbox.value('this.first + " " + this.last', scope)).toEqual(
      returned('Ada Byron'),
    );
    expect(await sandbox.value('Object.keys(this)', scope)).toEqual(returned(['first', 'last']));
  });

  test('[HOK3] a missing value is undefined, even with the name of a built-in member', async () => {
    const scope = { before: undefined, constructor: undefined, after: null };
    const source = '[typeof before, typeof constructor, after]';
    expect(await sandbox.value(source, scope)).toEqual(returned(['undefined', 'undefined', null]));
  });

  test('[ACC1] a field whose name is not a valid variable name does no harm', async () => {
    const scope = { 'first-name': 1, class: 2, value: 3, '1) { evil(': 4 };
    expect(await sandbox.value('value', scope)).toEqual(returned(3));
  });

  test('[FLD6] every JSON value comes through unharmed, both ways', async () => {
    const texts = fc.string({ unit: 'binary' }).map((text) => `${text}\ud800\u0000`);
    const json = fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' });
    const values = fc.oneof(json, texts, fc.double({ noNaN: true, noDefaultInfinity: true }));
    await fc.assert(
      fc.asyncProperty(values, async (generated) => {
        // JSON has no -0.
        const value = JSON.parse(JSON.stringify(generated)) as JsonValue;
        expect(await sandbox.value('value', { value })).toEqual(returned(value));
        expect(await sandbox.value('[{ value }]', { value })).toEqual(returned([{ value }]));
      }),
      { numRuns: 300 },
    );
  });

  test('[FLD6] `__proto__` in data is a member like others', async () => {
    const value = JSON.parse('{"__proto__": {"admin": true}, "name": "Eve"}') as JsonValue;
    expect(await sandbox.value('value.admin === undefined && Object.keys(value).length', { value }))
      .toEqual(returned(2)); // biome-ignore format: one claim
    const result = await sandbox.value('value', { value });
    expect(JSON.stringify(result)).toBe(JSON.stringify({ kind: 'returned', value, hidden: [] }));
  });

  test('[FLD2] numbers of any size are the same numbers', async () => {
    const numbers = [2 ** 53 - 1, -(2 ** 53), 1.7976931348623157e308, 5e-324, 1e21, 0.1 + 0.2];
    expect(await sandbox.value('numbers', { numbers })).toEqual(returned(numbers));
    expect(await sandbox.value('numbers.map((n) => n)', { numbers })).toEqual(returned(numbers));
  });

  test('[HOK10] what a script does to its scope stays in the call', async () => {
    const scope = { input: { list: [1, 2] } };
    const source = 'input.list.push(3); input.more = true; return [input.list.length, input.more];';
    expect(await sandbox.body(source, scope)).toEqual(returned([3, true]));
    expect(await sandbox.body(source, scope)).toEqual(returned([3, true]));
    expect(scope).toEqual({ input: { list: [1, 2] } });
  });

  test.each([
    ['NaN', 'it returned NaN'],
    ['({ a: { b: 1 / 0 } })', 'its result holds, at b, Infinity'],
    ['() => 1', 'it returned a function'],
    ['[Symbol("x")]', 'its result holds, at 0, a symbol'],
    ['({ big: 10n })', 'its result holds, at big, a bigint'],
    ['(() => { const a = {}; a.a = a; return a; })()', 'circular'],
    ['"x".repeat(1 << 20)', 'longer than 1048576 characters'],
    ['JSON.parse("[".repeat(65) + "]".repeat(65))', 'deeper than 64 levels'],
    ['new Promise(() => {})', 'a promise that nothing will ever settle'],
  ])('[HOK8] a result that is no JSON counts as thrown: %s', async (source, message) => {
    expect(await sandbox.value(source)).toMatchObject({
      kind: 'threw',
      message: expect.stringContaining(message),
    });
  });

  test('[HOK8] a result is what JSON makes of it', async () => {
    expect(await sandbox.value('new Date(0)')).toEqual(returned('1970-01-01T00:00:00.000Z'));
    expect(await sandbox.value('[undefined, , 1]')).toEqual(returned([null, null, 1]));
    expect(await sandbox.value('({ a: undefined, b: new Map() })')).toEqual(returned({ b: {} }));
    const deep = `${'['.repeat(64)}"]["${']'.repeat(64)}`;
    expect(await sandbox.value(`JSON.parse(${JSON.stringify(deep)})`)).toEqual(
      returned(JSON.parse(deep) as JsonValue),
    );
  });

  test('[HOK8] promises run to their end, and a promise stands for its value', async () => {
    expect(await sandbox.value('Promise.resolve(5).then((n) => n + 1)')).toEqual(returned(6));
    expect(await sandbox.body('Promise.resolve().then(() => cancel(403, "late"));')).toEqual({
      kind: 'cancelled',
      code: 403,
      message: 'late',
    });
    const rejected = '(async () => {\n await null;\n throw new Error("late");\n})()';
    expect(await sandbox.value(rejected)).toEqual({
      kind: 'threw',
      message: 'Error: late',
      line: 3,
    });
  });
});

describe('functions of a script', () => {
  test('[LOD6] whatever is in the scope of every script is known when models are checked', async () => {
    const { value } = (await sandbox.body('return Object.getOwnPropertyNames(globalThis);')) as {
      value?: string[];
    };
    expect(value).toContain('JSON');
    const hooksOnly = ['print', 'cancel', 'hide'];
    expect(value?.filter((name) => !alwaysInScope.has(name))).toEqual(hooksOnly);
  });

  test('[HOK5] `cancel` ends the script, and no catch or finally sees it', async () => {
    const cancelled = { kind: 'cancelled', code: 403, message: 'no \u0000 \ud800' };
    const call = 'cancel(403, "no \\0 \\ud800")';
    expect(await sandbox.body(call)).toEqual(cancelled);
    const stubborn = `try { ${call}; } catch { return 1; } finally { print("seen"); hide("a"); }`;
    expect(await sandbox.body(stubborn)).toEqual(cancelled);
    expect(await sandbox.body(`[2, 1].sort(() => { ${call}; })`)).toEqual(cancelled);
    expect(await sandbox.body(`new Promise(() => { ${call}; }); while (true);`)).toEqual(cancelled);
    expect(await sandbox.body(`try { ${call}; } finally { cancel(500, "other"); }`)).toEqual(
      cancelled,
    );
    expect(sandbox.printed).toEqual([]);
  });

  test.each([
    'Infinity, "x"',
    '2 ** 53, "x"',
    '403.5, "x"',
    '"403", "x"',
    '403',
    '403, {}',
    '403, "x".repeat(1001)',
  ])(
    '[HOK5] `cancel(%s)` is an error, reported as such, and fails the script',
    async (parameters) => {
      const result = await sandbox.body(`try {\n\ncancel(${parameters});\n} catch {}\nreturn 1;`);
      expect(result).toEqual({
        kind: 'threw',
        message: expect.stringContaining('cancel takes a code'),
        line: 3,
      });
    },
  );

  test('[HOK2] `hide` collects names', async () => {
    expect(await sandbox.body('hide("age", "mail"); hide("\\"\\n"); return 1;')).toEqual(
      returned(1, ['age', 'mail', '"\n']),
    );
    expect(await sandbox.body('hide(1)')).toMatchObject({ kind: 'threw', line: 1 });
    expect(await sandbox.body('for (;;) hide("x".repeat(1000))')).toMatchObject({ kind: 'threw' });
  });

  test('[HOK6] `print` writes lines, of bounded length and number', async () => {
    const talkative = await TestSandbox.open();
    const file = 'models/users/script.js';
    await talkative.body('print("a", { b: [1] }, undefined, 5, new TypeError("no"), "\\0");');
    expect(talkative.printed.splice(0)).toEqual([
      `${file}: a {"b":[1]} undefined 5 TypeError: no \0`,
    ]);
    await talkative.body('for (let i = 0; i < 200; i++) print("x".repeat(3000));');
    const { printed } = talkative;
    expect(printed).toHaveLength(100);
    expect(printed[0]).toHaveLength(`${file}: `.length + 2001);
    expect(printed[99]).toContain('left out');
    await talkative.close();
  });

  test('[FLD3] `now()` is the time of the clock as an instant, and stands still in a call', async () => {
    const platform = {
      clock: { now: () => 1_700_000_000_123, monotonic: () => 0 },
      timers: noTimers,
    };
    const still = await TestSandbox.open({ platform });
    const scope = { at: '2023-11-14T22:13:20.123Z' };
    expect(await still.value('now() === at && Date.now() === Date.parse(at)', scope)).toEqual(
      returned(true),
    );
    expect(await still.value('new Date().toISOString()', scope)).toEqual(returned(scope.at));
    await still.close();
  });

  test('[HOK10] `Math.random` does not restart with each call', async () => {
    const numbers = await Promise.all(
      Array.from({ length: 20 }, () => sandbox.value('Math.random()')),
    );
    const values = numbers.map((result) => (result.kind === 'returned' ? result.value : undefined));
    expect(new Set(values).size).toBe(20);
    for (const value of values) {
      expect(value).toBeGreaterThanOrEqual(0);
      expect(value).toBeLessThan(1);
    }
  });
});

const noTimers = {
  after: () => ({ cancel() {} }),
  every: () => ({ cancel() {} }),
};

describe('errors', () => {
  test.each([
    ['let x = 1;\n\nthrow new Error("boom");', 'Error: boom', 3],
    ['const fail = (m) => {\n  throw m;\n};\nfail("boom");', 'boom', 2],
    ['\nthrow { code: 5 };', '{"code":5}', 2],
    ['\nthrow null', 'null', 2],
    ['\n\nnothing.member', "ReferenceError: 'nothing' is not defined", 3],
    ['const a = {};\na.b.c = 1;', "TypeError: cannot set property 'c' of undefined", 2],
    ['return {\n toJSON() {\n  throw new Error("late");\n }\n};', 'Error: late', 3],
    ['\nJSON.parse("{");', 'SyntaxError', 2],
    ['function f() {\n throw new RangeError("deep");\n}\n\n[1].map(f);', 'RangeError: deep', 2],
    ['\nthrow { get stack() { throw 1; }, toString() { throw 2; } };', 'cannot be printed', 2],
    [
      '\nthrow { get stack() { throw 1; }, toJSON() { throw 2; }, toString: 3 };',
      'cannot be printed',
      2,
    ],
  ])('[HOK8] the log learns the line: %j', async (source, message, line) => {
    const program = await sandbox.sandbox.compile(sourceOf('body', source, [], 41));
    if (program.kind !== 'program') throw new Error(program.message);
    expect(await sandbox.sandbox.call(program, {})).toEqual({
      kind: 'threw',
      message: expect.stringContaining(message),
      line: 40 + line,
    });
  });

  test.each([
    ['body', 'let x = 1;\nlet y = ;', 2, 9, 'Unexpected token'],
    ['body', 'if (true) {\n', 1, 12, 'ends too early'],
    ['body', 'return 1;\n}); evil(); (function () {', 2, 1, 'continues after its end'],
    ['body', 'let input = 1;', 1, 5, 'already been declared'],
    ['body', 'import("fs")', 1, 1, 'no import()'],
    ['body', 'import fs from "fs"', 1, 1, 'import'],
    ['expression', '1 +\n 2 3', 2, 4, 'Unexpected token'],
    ['expression', 'a) + (b', 1, 2, 'continues after its end'],
    ['expression', 'a); evil(', 1, 2, 'continues after its end'],
    ['expression', 'let a = 1', 1, 5, 'Unexpected token'],
    ['expression', '', 1, 1, 'ends too early'],
    ['expression', `"${'x'.repeat(1 << 20)}"`, 1, 1, 'longer than'],
    ['expression', '(a, b) =>', 1, 10, 'ends too early'],
    ['body', '/(?<a>x)(?<a>y)/', 1, 2, 'Duplicate'],
  ] as const)(
    '[LOD4] a %s that does not compile: %j',
    async (kind, source, line, column, message) => {
      expect(await sandbox.sandbox.compile(sourceOf(kind, source, ['input'], 7))).toEqual({
        kind: 'syntax-error',
        message: expect.stringContaining(message),
        line: line + 6,
        column,
      });
    },
  );

  test('[LOD4] nesting without end is no danger to the main thread', async () => {
    for (const source of ['(()=>{'.repeat(100_000), `${'['.repeat(1e5)}${']'.repeat(1e5)}`]) {
      expect(await sandbox.sandbox.compile(sourceOf('expression', source))).toMatchObject({
        kind: 'syntax-error',
      });
    }
    const many = Array.from({ length: 3000 }, () => '1').join(' + ');
    expect(await sandbox.value(many)).toEqual(returned(3000));
  });

  test('[LOD4] a value that is not a function fails when it is called', async () => {
    expect(await sandbox.value('(5)()')).toMatchObject({
      kind: 'threw',
      message: expect.stringContaining('not a function'),
    });
  });
});

describe('the end', () => {
  test('[HOK8] a closed sandbox answers all calls, including those in flight', async () => {
    const closing = await TestSandbox.open();
    const program = await closing.program('body', 'while (true);', []);
    const calls = Array.from({ length: 3 }, () => closing.sandbox.call(program, {}));
    const closed = { kind: 'threw', message: 'the sandbox is closed', line: undefined };
    await new Promise((resolve) => setImmediate(resolve));
    await closing.close();
    for (const call of calls) expect(await call).toEqual(closed);
    expect(await closing.sandbox.call(program, {})).toEqual(closed);
    expect(await closing.sandbox.compile(sourceOf('expression', '1'))).toMatchObject({
      kind: 'syntax-error',
      message: 'the sandbox is closed',
    });
    await closing.close();
  });

  test('[HOK8] a scope that is not JSON, and a program of another sandbox, are answered too', async () => {
    const program = await sandbox.program('expression', 'a', ['a']);
    const loop: { loop?: unknown } = {};
    loop.loop = loop;
    const scope = { a: loop as JsonValue };
    expect(await sandbox.sandbox.call(program, scope)).toMatchObject({ kind: 'threw' });
    const foreign = { kind: 'program', id: 1, source: sourceOf('expression', '1') } as const;
    expect(await sandbox.sandbox.call(foreign, {})).toMatchObject({ kind: 'threw' });
  });
});
