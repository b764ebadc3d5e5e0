import type { JsonValue } from '@really/protocol';
import fc from 'fast-check';

/** Names in scope; `toString` and `length` as data test the difference from built-in members. */
export const names = ['a', 'b', 'c'];
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

export const { expression } = fc.letrec<{ expression: string }>((tie) => ({
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
  // Stored data has no -0.
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
export const scope = fc.record({
  a: fc.option(json, { nil: undefined }),
  b: fc.option(json, { nil: undefined }),
  c: json,
  // The input of a calculated field is always an object.
  this: object,
});
