import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { callVm, compiledOf, openVm, returned, sourceOf } from '../sandbox.fixture.js';
import { programText } from './program-text.js';
import { checkSyntax } from './syntax.js';

function textOf(source: string, traced: boolean): string {
  const wrapped = sourceOf('body', source, ['a']);
  const syntax = checkSyntax(wrapped);
  if (syntax.kind === 'syntax-error') throw new Error(syntax.message);
  return programText(wrapped, syntax, traced);
}

/** Sources whose meaning a careless mark would change, and what they return with `a` as 2. */
const delicate: readonly (readonly [string, unknown])[] = [
  ['let x = a\nlet f = () => x\nf()\n;[x].map(f)\nreturn x', 2],
  ['let x = a\nfor (;;) { x++\nif (x > 5) break }\nreturn x', 6],
  [
    'let x = 0\nouter: for (const i of [1, 2, 3]) {\nfor (;;) { x += i\ncontinue outer } }\nreturn x',
    6,
  ],
  ['let x = 0\nif (a) while (x < 3) x++\nelse x = 9\nreturn x', 3],
  ['if (!a) for (;;) if (a) break; else break\nelse return 1\nreturn 2', 1],
  ['let x = 0\ndo x++; while (x < a)\nreturn x', 2],
  ['let x = 0\ndo x++\nwhile (x < a) return x', 2],
  ['const o = { n: 1, f() { return this.n } }\nreturn [o.f() + o?.f(), o.g?.() ?? 0]', [2, 0]],
  [
    'const o = { n: 1, f() { return this.n } }\nreturn [o?.f().toFixed(1), o.g?.().x.y.z(), o?.["f"]()]',
    ['1.0', null, 1],
  ],
  ['const f = (x = Number(a), { y = String(x) } = {}) => [x, y]\nreturn f()', [2, '2']],
  ['const f = () => ({ a })\nreturn f()', { a: 2 }],
  ['return (() => a, () => a)()', 2],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source of a script.
  ['return `${String(a)}${`${[a].map((x) => x * 2)}`}`', '24'],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source of a script.
  ['return ((s, ...v) => s.raw.join("|") + v)`x${a}\\n${Math.max(a, 1)}`', 'x|\\n|2,2'],
  [
    'class A { static s = String(a); #p = Number(a); get p() { return this.#p } }\nreturn [A.s, new A().p]',
    ['2', 2],
  ],
  [
    'class A { constructor() { this.n = a } }\nclass B extends A { constructor() { super(); this.m = this.n } }\nreturn new B().m',
    2,
  ],
  ['class A extends (() => Array)() {}\nreturn new A(3).length', 3],
  [
    'function* g() { const x = yield a; yield* [x, x] }\nconst i = g(); i.next()\nreturn [i.next(5).value, ...i]',
    [5, 5],
  ],
  ['const o = {}; [o.x, o["y"]] = [a, a].map(String)\nreturn o', { x: '2', y: '2' }],
  ['const { x = a, ...rest } = JSON.parse("{\\"y\\": 1}")\nreturn [x, rest]', [2, { y: 1 }]],
  ['switch (Number(a)) { case Number("2"): return "two"; default: return "none" }', 'two'],
  ['try { throw a, String(a) } catch (e) { return e }', '2'],
  ['try { throw (() => { throw a })() } catch (e) { return e } finally { String(a) }', 2],
  [
    'var x = typeof undefinedName, y = delete [].length, z = void String(a)\nreturn [x, y, z]',
    ['undefined', false, null],
  ],
  ['for (var k in Object(a)) ; for (let [x] of [[a]]) ; for (k of [1]) ;\nreturn k', 1],
  ['for (let i = Number(0), n = ("x" in { x: 1 }); i < a && n; i += Number(1)) ;\nreturn a', 2],
  ['return [...String(a), ...[a]].length', 2],
  ['return new (class { x = a })().x + new Date(0).getTime() + new Map([[1, a]]).get(1)', 4],
  ['return a ? (String(a), a) : String(0)', 2],
  ['"use strict"\nreturn this === undefined', true],
  ['"not a directive".length\nreturn this === globalThis', true],
  ['async function f() { return await Promise.resolve(a) }\nreturn f()', 2],
  ['const async = 1, of = 2, get = 3\nreturn async + of + get', 6],
  [
    'var $thrown = 1, $reached = 2, $nothing = 3\ntry { throw $thrown } catch (e) { return e + $reached }',
    3,
  ],
  ['return /[/]\\//.test("//") + /a/g.flags', 'trueg'],
  ['lab: { String(a); break lab }\nreturn a', 2],
  ['if (a) function f() { return a }\nreturn f()', 2],
  ['a ??= 1; a ||= 2; a &&= String(a)\nreturn a', '2'],
  ['return (a) => a\n/* end */', undefined],
];

describe('marks', () => {
  test.each(delicate)('[HOK8] do not change what a script means: %j', async (source, value) => {
    const vm = await openVm();
    for (const traced of [false, true]) {
      const compiled = compiledOf(sourceOf('body', source, ['a']));
      const result = await callVm(vm, compiled, { a: 2 }, traced);
      if (value === undefined) expect(result.kind).toBe('threw');
      else expect(result).toEqual(returned(value as never));
    }
  });

  test('[HOK8] add no lines', () => {
    const sources = fc.constantFrom(...delicate.map(([source]) => source));
    fc.assert(
      fc.property(sources, fc.boolean(), (source, traced) => {
        const lines = textOf(source, traced).split('\n');
        expect(lines).toHaveLength(source.split('\n').length + 2);
        expect(lines[0]).toMatch(/^\(function \(/);
      }),
    );
  });

  test('[HOK8] a traced script reports each line that it reaches', async () => {
    const reached: number[] = [];
    const vm = await openVm({}, { reached: (line) => reached.push(line) });
    const source =
      'const x = String(1)\n\nif (x.length) {\n  [1].map((n) => {\n    return n + 1\n  })\n}\nreturn x\n  .concat("y")';
    const compiled = compiledOf(sourceOf('body', source, [], 11));
    expect(await callVm(vm, compiled, {}, true)).toEqual(returned('1y'));
    expect([...new Set(reached)]).toEqual([11, 13, 14, 15, 18]);
  });
});
