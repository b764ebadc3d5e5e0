import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SandboxSource } from '../sandbox.js';
import {
  callVm,
  compiledOf,
  openVm,
  returned,
  sourceOf,
  TestSandbox,
  type TestScope,
} from './sandbox.fixture.js';
import type { CompiledSource } from './source/compiled-source.js';

interface Step {
  readonly kind: SandboxSource['kind'];
  readonly source: string;
  readonly scope: TestScope;
}

function body(source: string, scope: TestScope = {}): Step {
  return { kind: 'body', source, scope };
}

/** Each changes something that the next call could see, in a careless sandbox. */
const tainting: readonly Step[] = [
  body('globalThis.left = (globalThis.left ?? 0) + 1; return left;'),
  body('undeclared = 1; return typeof undeclared;'),
  body('Array.prototype.map = () => "tainted"; return [1].map(String);'),
  body('Object.prototype.left = 1; return ({}).left;'),
  body('Object.defineProperty(Object.prototype, "owner", { get: () => "me" }); return 1;'),
  body('Object.defineProperty(Array.prototype, "0", { set() { throw 1; } }); return 1;'),
  body(
    'arguments.callee.count = (arguments.callee.count ?? 0) + 1; return arguments.callee.count;',
  ),
  body('const f = () => 1; f.count = 1; return Object.keys(f).length;'),
  body('JSON.parse = JSON.stringify = () => "tainted"; return 1;'),
  body('Reflect.apply = () => 1; Function.prototype.call = Function.prototype.apply = () => 2;'),
  body('Math.random = () => 4; Math.floor = () => 5; return Math.floor(Math.random());'),
  body('Date.now = () => 0; Date.prototype.toISOString = () => "tainted"; return now() > "2";'),
  body('String.prototype.slice = () => "tainted"; throw new Error("x".repeat(5000));'),
  body('RegExp.prototype.exec = () => ["tainted"]; return /x/.test("y");'),
  body('globalThis.print = globalThis.cancel = () => 1; return cancel(400, "x");'),
  body('delete globalThis.JSON; delete globalThis.Object; return typeof JSON;'),
  body('Object.freeze(globalThis); Object.freeze(Object.prototype); return 1;'),
  body('Object.setPrototypeOf(globalThis, null); return 1;'),
  body('Object.setPrototypeOf(Array.prototype, { left: 1 }); return [].left;'),
  body('Symbol.prototype.left = Symbol.for("left"); return String(Symbol.for("left"));'),
  body('Promise.prototype.then = () => 1; return 1;'),
  body('Promise.resolve().then(() => { globalThis.left = 1; }); return 1;'),
  body('new Promise(() => {}).then(() => { globalThis.left = 1; }); return 1;'),
  body('(0, eval)("var left = 1; let leftToo = 2;"); return typeof leftToo;'),
  body('new Function("left = 1")(); return left;'),
  body('const tag = (s) => s; const t = () => tag`a`; return t() === t();'),
  body('Error.prototype.toString = () => "tainted"; throw new Error("y");'),
  body('Error.stackTraceLimit = 0; throw new Error("y");'),
  body('TypeError.prototype.name = "tainted"; hide(1);'),
  body('hide("left"); return 1;'),
  body('input.list.push(1); input.more = 1; return input;', { input: { list: [] } }),
  body('const w = new WeakRef({}); new FinalizationRegistry(() => 1).register({}); return !!w;'),
  body('const r = /a/g; r.test("aa"); return r.lastIndex;'),
  body('class A extends Array {} Object.defineProperty(Array, Symbol.species, { value: A });'),
  body('Object.prototype.toJSON = () => "tainted"; return { a: 1 };'),
  body('Array.prototype[Symbol.iterator] = function* () { yield 5; }; return [...[1]];'),
];

/** Ends that are none. */
const breaking: readonly Step[] = [
  body('cancel(403, "no");'),
  body('globalThis.left = 1; throw new Error("half way");'),
  body('globalThis.left = 1; while (true);'),
  body('const f = () => f(); f();'),
  body('globalThis.left = "x".repeat(2 ** 29);'),
  body('Object.prototype.left = 1; eval("(".repeat(1e5));'),
  body('globalThis.left = []; for (;;) left.push(new ArrayBuffer(4 * 1024 * 1024));'),
  body(
    'throw { get stack() { throw globalThis; }, toString() { throw Object.prototype.x = 1; } };',
  ),
];

/** What careful scripts do. */
const looking: readonly Step[] = [
  body('return [typeof left, typeof undeclared, typeof leftToo, ({}).left, [].left];'),
  body(
    'return [Object.keys(Object.prototype), Reflect.ownKeys(globalThis).length, [3].map(String)];',
  ),
  body(
    'return [...Reflect.ownKeys(arguments.callee), ...Reflect.ownKeys(Function.prototype)].map(String);',
  ),
  body('return [JSON.stringify(JSON.parse("[1]")), Object.isFrozen(globalThis), "abc".slice(1)];'),
  body('throw new TypeError("told");'),
  body('return [...[1, 2]].concat(Array.from("ab")).join();'),
  { kind: 'expression', source: 'input.list.length', scope: { input: { list: [1, 2] } } },
  { kind: 'expression', source: '((a, b) => a + b)(a, b)', scope: { a: 1, b: 'x' } },
  body('hide("email"); return { owner: input.owner };', { input: { owner: 'u1', email: 'x' } }),
];

const steps = [...tainting, ...breaking, ...looking];

function compileAll(): CompiledSource[] {
  return steps.map(({ kind, source, scope }) =>
    compiledOf(sourceOf(kind, source, Object.keys(scope))),
  );
}

/** What each call gives in an engine of its own. */
async function alone(compiled: readonly CompiledSource[]): Promise<unknown[]> {
  const results: unknown[] = [];
  for (const [index, one] of compiled.entries()) {
    const vm = await openVm();
    results.push(await callVm(vm, one, steps[index]?.scope));
  }
  return results;
}

/** A failure is reported as it is: to shrink it would take as many calls that hang. */
function fuzzing(numRuns: number) {
  return { numRuns, endOnFailure: true };
}

const orders = fc.array(fc.nat({ max: steps.length - 1 }), { minLength: 5, maxLength: 25 });

test('[HOK10] calls in any order give what each gives alone', async () => {
  const compiled = compileAll();
  const expected = await alone(compiled);
  const vm = await openVm();
  await fc.assert(
    fc.asyncProperty(orders, async (order) => {
      for (const index of order) {
        const one = compiled[index];
        if (one === undefined) throw new Error('no such step');
        expect(await callVm(vm, one, steps[index]?.scope)).toEqual(expected[index]);
      }
    }),
    fuzzing(30),
  );
  vm.inspect();
  expect(vm.broken).toBe(false);
});

test('[HOK10] calls that travel together, and over several threads, do too', async () => {
  const expected = await alone(compileAll());
  const sandbox = await TestSandbox.open();
  await fc.assert(
    fc.asyncProperty(orders, async (order) => {
      // Those that hang are another test's: here they would wait in line.
      const quick = order.filter((index) => !/while|for \(;;\)/.test(steps[index]?.source ?? ''));
      const results = await Promise.all(
        quick.map((index) => {
          const { kind, source, scope } = steps[index] ?? body('');
          return sandbox.run(kind, source, scope);
        }),
      );
      expect(results).toEqual(quick.map((index) => expected[index]));
    }),
    fuzzing(15),
  );
  await sandbox.close();
});

test('[HOK10] within one call, what a script leaves is there', async () => {
  const vm = await openVm();
  const both = compiledOf(
    sourceOf(
      'body',
      'const run = (code) => new Function(code)(); run("left = 1"); return run("return typeof left");',
    ),
  );
  expect(await callVm(vm, both)).toEqual(returned('number'));
});
