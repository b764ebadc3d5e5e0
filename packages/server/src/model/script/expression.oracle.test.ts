import type { JsonValue } from '@really/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Script, ScriptResult } from '../model.js';
import { VmSandbox } from '../models.test.kit.js';
import { thisKey } from './expression.js';
import { makeScript } from './make-script.js';
import { parseExpression } from './parse-script.js';

/** Names in scope; `toString` and `length` as data are the traps that an engine sets. */
const names = ['a', 'b', 'c'];
const members = [
  'x',
  'y',
  'length',
  '_r',
  'at',
  'link',
  'size',
  'name',
  'concat',
  'fixed',
  'toString',
  'constructor',
  '__proto__',
  'valueOf',
];

const numbers = [
  '0',
  '1',
  '-1',
  '2.5',
  '1e21',
  '0.1',
  '0.2',
  '5e-324',
  '4294967296',
  '1e999',
  '017',
  '0x1f',
];
const texts = [
  '""',
  '"x"',
  '"10"',
  '" 7 "',
  "'0x10'",
  '"Ä\\ud83d\\ude00"',
  '"null"',
  '"a\\nb"',
  '"__proto__"',
];
const others = [
  'true',
  'false',
  'null',
  'undefined',
  'NaN',
  'Infinity',
  '[]',
  '{}',
  '[1, "x"]',
  '{ x: 1 }',
  '/x/',
  '10n',
  'nope',
  'Math',
];

const leaf = fc.oneof(
  fc.constantFrom(...names, ...names, 'this'),
  fc.constantFrom(...numbers, ...texts, ...others),
);

const binary = [
  '==',
  '!=',
  '===',
  '!==',
  '<',
  '<=',
  '>',
  '>=',
  '+',
  '+',
  '-',
  '*',
  '/',
  '%',
  '**',
  '&',
  '|',
  '^',
  '<<',
  '>>',
  '>>>',
  '&&',
  '||',
  'in',
  'instanceof',
  ',',
];
const unary = ['!', '-', '+', '~', 'typeof ', 'void ', 'delete '];

const { expression } = fc.letrec<{ expression: string }>((tie) => ({
  expression: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc
      .tuple(tie('expression'), fc.constantFrom(...binary), tie('expression'))
      .map(([a, op, b]) => `(${a} ${op} ${b})`),
    fc.tuple(fc.constantFrom(...unary), tie('expression')).map(([op, a]) => `(${op}${a})`),
    fc.tuple(tie('expression'), fc.constantFrom(...members)).map(([a, name]) => `(${a}).${name}`),
    fc
      .tuple(fc.constantFrom(...names), fc.constantFrom(...members))
      .map(([a, name]) => `${a}.${name}`),
    fc.tuple(tie('expression'), fc.constantFrom(...members)).map(([a, name]) => `(${a})?.${name}`),
    fc
      .tuple(
        fc.constantFrom(...names),
        fc.constantFrom(
          '["x"]',
          '[0]',
          '[1]',
          '[-1]',
          '["0"]',
          '[1.5]',
          '["length"]',
          '?.[0]',
          '?.x.y',
          '?.["x"].length',
        ),
      )
      .map(([a, key]) => `${a}${key}`),
    fc
      .tuple(tie('expression'), tie('expression'), tie('expression'))
      .map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
    fc.tuple(tie('expression'), tie('expression')).map(([a, b]) => `(${a} ?? ${b})`),
    fc.tuple(tie('expression'), tie('expression')).map(([a, b]) => `\`<\${${a}}|\${${b}}>\``),
  ),
}));

const plain = fc.oneof(
  fc.constantFrom<JsonValue>(
    null,
    true,
    false,
    0,
    1,
    -1,
    2.5,
    1e21,
    '',
    'x',
    '10',
    ' 7 ',
    'Ä😀',
    'toString',
  ),
  // What is stored has no -0.
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
  fc.string({ unit: 'binary' }),
);
const { json, object } = fc.letrec<{ json: JsonValue; object: JsonValue }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'small' },
    plain,
    fc.array(tie('json'), { maxLength: 3 }),
    tie('object'),
  ),
  object: fc.dictionary(
    fc.constantFrom('x', 'y', 'length', '_r', 'at', 'toString', 'size', '__proto__'),
    tie('json'),
    { maxKeys: 4, noNullPrototype: true },
  ),
}));
const scope = fc.record({
  a: fc.option(json, { nil: undefined }),
  b: fc.option(json, { nil: undefined }),
  c: json,
  // What a calculated field is worked out from is always an object.
  this: object,
});

/** What plain JavaScript makes of it, brought out as the sandbox brings it out. */
function oracle(
  source: string,
  values: Record<string, JsonValue | undefined>,
): ScriptResult | 'threw' {
  const copies = ['a', 'b', 'c', 'this'].map((name) => {
    const text = JSON.stringify(values[name]);
    return text === undefined ? undefined : JSON.parse(text);
  });
  try {
    const work = new Function('a', 'b', 'c', `return (${source}\n);`);
    const value = work.call(copies[3], ...copies.slice(0, 3));
    const text = JSON.stringify(value);
    return {
      kind: 'returned',
      value: text === undefined ? undefined : JSON.parse(text),
      hidden: [],
    };
  } catch {
    return 'threw';
  }
}

async function scriptOf(
  source: string,
): Promise<{ script: Script; sandbox: VmSandbox } | undefined> {
  const parsed = parseExpression(source);
  if (parsed.kind === 'failure') return undefined;
  const sandbox = new VmSandbox();
  const draft = {
    kind: 'expression',
    source,
    tree: parsed.tree,
    where: 'a:1:1',
    file: 'a',
    line: 1,
    parameters: names,
    hasThis: true,
  } as const;
  const script = await makeScript(draft, { sandbox, now: () => 0 });
  return 'kind' in script ? undefined : { script, sandbox };
}

test('[VAL3] a closure answers exactly as JavaScript does', async () => {
  let closures = 0;
  await fc.assert(
    fc.asyncProperty(expression, scope, async (source, values) => {
      const made = await scriptOf(source);
      if (made === undefined) return;
      const result = made.script.run({ ...values, [thisKey]: values.this });
      // In the sandbox it is right by itself.
      if (result instanceof Promise) {
        await result;
        return;
      }
      closures++;
      const expected = oracle(source, values);
      expect(result.kind === 'threw' ? 'threw' : result).toEqual(expected);
    }),
    { numRuns: 4000 },
  );
  expect(closures).toBeGreaterThan(1500);
});

test('[VAL3] an expression changes nothing of what it is given', async () => {
  await fc.assert(
    fc.asyncProperty(expression, scope, async (source, values) => {
      const before = JSON.stringify(values);
      const made = await scriptOf(source);
      await made?.script.run({ ...values, [thisKey]: values.this });
      expect(JSON.stringify(values)).toBe(before);
    }),
    { numRuns: 500 },
  );
});
