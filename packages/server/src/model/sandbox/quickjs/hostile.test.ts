import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ScriptResult } from '../../model.js';
import { returned, TestSandbox } from './sandbox.fixture.js';

type Kind = ScriptResult['kind'] | 'time' | 'memory' | 'stack';

/** Bodies of hostile scripts to run, and how each may end. */
const hostile: Record<string, { source: string; ends: readonly Kind[]; line?: number }> = {
  // Loops that the engine's own check finds.
  'a loop': { source: '\n\nwhile (true);', ends: ['time'], line: 3 },
  'a loop with a body': { source: 'print(1);\nfor (;;) {\n}', ends: ['time'], line: 2 },
  'a loop behind a call': {
    source: 'const f = () => 1;\nf();\n\na: while (true) {\n continue a;\n}',
    ends: ['time'],
    line: 4,
  },
  'a loop without braces': { source: 'let n = 1\nif (n)\nwhile (n) n++', ends: ['time'], line: 3 },
  'a do loop': { source: '\ndo { } while (1)', ends: ['time'], line: 2 },
  'a loop that counts': {
    source: 'let n = 0;\nwhile (n < Infinity) n++;',
    ends: ['time'],
    line: 2,
  },
  'a loop that catches': {
    source: 'for (;;) try {\nfor (;;) throw 1;\n} catch {} finally { continue; }',
    ends: ['time'],
  },
  'a generator': {
    source: 'function* g() { for (;;) yield 1; }\nfor (const x of g());',
    ends: ['time'],
  },
  'spreading a generator': {
    source: 'function* g() { for (;;) yield 1; }\n[...g()];',
    ends: ['time', 'memory'],
  },
  'endless promises': {
    source: 'const again = () => Promise.resolve().then(again);\nagain();',
    ends: ['time'],
  },
  'a promise that loops': { source: 'new Promise(() => { for (;;); });', ends: ['time'] },
  'an async loop': { source: '(async () => { for (;;) await null; })();', ends: ['time'] },
  'a getter': { source: 'const o = { get a() { for (;;); } };\nreturn o;', ends: ['time'] },
  'a toJSON': { source: 'return { toJSON() { for (;;); } };', ends: ['time'] },
  'a toString': { source: 'String({ toString() { for (;;); } });', ends: ['time'] },
  'a proxy that counts its keys': {
    source: 'let n = 0;\nObject.keys(new Proxy({}, { ownKeys() { for (;;); } }));',
    ends: ['time'],
  },
  'a proxy as the result': {
    source: 'return new Proxy([], { get: (t, k) => k === "length" ? 2 ** 40 : 1 });',
    ends: ['time', 'memory', 'threw'],
  },
  'a proxy chain': {
    source: 'let p = {};\nfor (let i = 0; i < 1e6; i++) p = new Proxy(p, {});\np.a;',
    ends: ['time', 'memory', 'stack'],
  },
  'a comparator that never agrees': {
    source: 'let n = 0;\nfor (;;) [3, 2, 1, 5, 4].sort(() => (n++ % 3) - 1);',
    ends: ['time'],
  },
  'a comparator that loops': { source: '[2, 1].sort(() => { for (;;); });', ends: ['time'] },
  'a throw from a getter of an error': {
    source: 'throw { get stack() { for (;;); } };',
    ends: ['time'],
  },
  'an iterator that closes badly': {
    source:
      'const it = { [Symbol.iterator]: () => ({ next: () => ({ done: false }), return() { for (;;); } }) };\nfor (const x of it) break;',
    ends: ['time'],
  },
  'eval of a loop': { source: '\neval("for (;;);");', ends: ['time'] },
  'Function of a loop': { source: 'new Function("for (;;);")();', ends: ['time'] },
  'after a cancel that was swallowed': {
    source: 'new Promise(() => cancel(400, "x")); for (;;);',
    ends: ['cancelled'],
  },
  // Built-ins that take long by themselves.
  'a costly built-in in a loop': {
    source: 'const big = "x".repeat(1e6);\n\nwhile (true) big.indexOf("y");',
    ends: ['time'],
    line: 3,
  },
  'a search that takes minutes': {
    source: 'const a = "a".repeat(2e5);\n\na.indexOf("a".repeat(1e5) + "b");',
    ends: ['time'],
  },
  'an expression that backtracks': {
    source: '/^(a+)+$/.test("a".repeat(50) + "b");',
    ends: ['time'],
  },
  'an expression that backtracks in replace': {
    source: '"x".repeat(1e5).replace(/(x+x+)+y/g, "");',
    ends: ['time', 'memory'],
  },
  'an expression that needs memory': {
    source: '/(.|\\n)*$/.test("x".repeat(1e6) + "\\u0001");',
    ends: ['memory', 'time'],
  },
  'an array with holes': { source: 'new Array(4294967295).indexOf(1);', ends: ['time'] },
  'reversing nothing': { source: '[].reverse.call({ length: 2 ** 53 - 1 });', ends: ['time'] },
  'a sum of nothing': {
    source: '[].lastIndexOf.call({ length: 2 ** 53 - 1 }, 1);',
    ends: ['time'],
  },
  'joining nothing': {
    source: 'Array.prototype.join.call({ length: 2 ** 31 });',
    ends: ['time', 'memory'],
  },
  'JSON without end': {
    source: 'let o = {};\nfor (let i = 0; i < 60; i++) o = { a: o, b: o };\nJSON.stringify(o);',
    ends: ['time', 'memory'],
  },
  'a result without end': {
    source: 'let o = 1;\nfor (let i = 0; i < 60; i++) o = [o, o];\nreturn o;',
    ends: ['time', 'memory'],
  },
  'numbers of great size': {
    source: 'let n = 3n;\nfor (;;) n *= n;',
    ends: ['time', 'memory', 'threw'],
  },
  'a power of great size': { source: '7n ** 900000n % 13n;', ends: ['time', 'memory', 'returned'] },
  'sorting much': {
    source:
      'const a = [];\nfor (let i = 0; i < 2e5; i++) a.push(String(i));\nfor (;;) a.slice().sort();',
    ends: ['time', 'memory'],
  },
  // Memory.
  'a long text': { source: '"x".repeat(2 ** 29);', ends: ['memory'] },
  'a text that doubles': {
    source: 'let s = "x";\nfor (;;) s += s;',
    ends: ['memory', 'time', 'threw'],
  },
  'a filled array': { source: 'new Array(1e9).fill(0);', ends: ['memory', 'time'] },
  'an array that grows': {
    source: 'const a = [];\nfor (;;) a.push({});',
    ends: ['memory', 'time'],
  },
  'a buffer': { source: 'new ArrayBuffer(64 * 1024 * 1024);', ends: ['memory'] },
  'a buffer of two gigabytes': {
    source: '\nnew ArrayBuffer(2 ** 31 - 1);',
    ends: ['memory'],
    line: 2,
  },
  'memory that is refused and forgiven': {
    source: 'try { "x".repeat(2 ** 29); } catch {}\nreturn 1;',
    ends: ['memory'],
  },
  'a map that grows': {
    source: 'const m = new Map();\nfor (;;) m.set({}, {});',
    ends: ['memory', 'time'],
  },
  'an array-like of great length': {
    source: 'Array.from({ length: 1e9 });',
    ends: ['memory', 'time'],
  },
  'arguments without number': {
    source: 'Math.max(...new Array(1e7).fill(1));',
    ends: ['memory', 'threw', 'stack', 'time'],
  },
  // Stack.
  'a recursion': { source: '\nfunction f() { return f() + 1; }\nf();', ends: ['stack'], line: 2 },
  'a recursion through a built-in': {
    source: 'const f = () => [1].map(f);\nf();',
    ends: ['stack'],
  },
  'a recursion that catches': {
    source: 'function f() { try { f(); } finally { f(); } }\nf();',
    ends: ['time', 'stack'],
  },
  'JSON that nests': { source: 'JSON.parse("[".repeat(1e5));', ends: ['stack', 'time'] },
  'JSON of what nests': {
    source: 'let o = {};\nfor (let i = 0; i < 1e5; i++) o = { o };\nJSON.stringify(o);',
    ends: ['stack', 'time'],
  },
  'source that nests': { source: 'eval("(".repeat(1e5));', ends: ['stack'] },
  'source that negates': { source: 'eval("!".repeat(1e6) + "1");', ends: ['stack'] },
  'an expression that nests': {
    source: 'new RegExp("(?:".repeat(5000) + "a" + ")*".repeat(5000));',
    ends: ['stack', 'threw'],
  },
  'an array that nests': {
    source: 'let a = [];\nfor (let i = 0; i < 1e4; i++) a = [a];\nString(a);',
    ends: ['stack', 'returned'],
  },
  'a class that makes itself': {
    source: 'class A { constructor() { new A(); } }\nnew A();',
    ends: ['stack'],
  },
  // Looking for a way out.
  'the process': {
    source: 'this.constructor.constructor("return process")().exit();',
    ends: ['threw'],
  },
  'a module': { source: 'require("fs");', ends: ['threw'] },
  'a timer': { source: 'setTimeout(() => {}, 0);', ends: ['threw'] },
  'an import by eval': { source: 'return eval(\'import("node:fs")\');', ends: ['threw'] },
  'what its functions are made of': {
    source: 'return print.constructor("return typeof process + typeof require")();',
    ends: ['returned'],
  },
  'the caller': {
    source: 'return [typeof arguments.callee.caller, typeof print.caller];',
    ends: ['returned', 'threw'],
  },
};

let sandbox: TestSandbox;

beforeAll(async () => {
  sandbox = await TestSandbox.open();
});

afterAll(() => sandbox.close());

const probe = `return [
  Object.getOwnPropertyNames(globalThis).length, [1, 2].map(String).join(), JSON.stringify({ a: 1 }),
  typeof left, Object.keys(Object.prototype).length,
]`;

describe('hostile scripts', () => {
  test('there are enough of them', () => {
    expect(Object.keys(hostile).length).toBeGreaterThan(40);
  });

  test.each(Object.entries(hostile))(
    '[HOK8] [HOK10] %s ends as it must, and the next call is well',
    async (_name, { source, ends, line }) => {
      const before = await sandbox.body(probe);
      const result = await sandbox.body(source);
      expect(result.kind === 'stopped' ? result.reason : result.kind).toBeOneOf([...ends]);
      if (line !== undefined) expect(result).toMatchObject({ line });
      expect(await sandbox.body(probe)).toEqual(before);
      expect(before.kind).toBe('returned');
    },
  );

  test('[HOK7] a script finds nothing but the language', async () => {
    const known = 'Object.getOwnPropertyNames(globalThis).filter((n) => !(n in {})).join()';
    const result = await sandbox.value(known);
    const names = result.kind === 'returned' ? String(result.value).split(',') : [];
    for (const name of ['print', 'cancel', 'hide', 'now', 'Object', 'JSON']) {
      expect(names).toContain(name);
    }
    const foreign = ['process', 'require', 'console', 'fetch', 'setTimeout', 'queueMicrotask'];
    for (const name of [
      ...foreign,
      'global',
      'Buffer',
      'WebAssembly',
      'performance',
      'std',
      'os',
    ]) {
      expect(names).not.toContain(name);
    }
  });

  test('[HOK8] less memory than the engine needs at least can be set too', async () => {
    const small = await TestSandbox.open({ memoryLimit: 1024 * 1024 });
    const needs = (bytes: number) => `new ArrayBuffer(${bytes}).byteLength`;
    expect(await small.value(needs(900 * 1024))).toEqual(returned(900 * 1024));
    expect(await small.value(needs(2 * 1024 * 1024))).toMatchObject({ reason: 'memory' });
    expect(await small.value(needs(900 * 1024))).toEqual(returned(900 * 1024));
    await small.close();
  });

  test('[HOK8] just what the limit allows is allowed', async () => {
    const patient = await TestSandbox.open({ timeLimit: 2000 });
    const megabytes = (count: number) => `new ArrayBuffer(${count} * 1024 * 1024).byteLength`;
    expect(await patient.value(megabytes(31))).toEqual(returned(31 * 1024 * 1024));
    expect(await patient.value(megabytes(33))).toMatchObject({ reason: 'memory' });
    await patient.close();
  });
});
