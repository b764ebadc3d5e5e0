import fc from 'fast-check';
import { expect, test } from 'vitest';
import { callVm, compiledOf, openVm, sourceOf } from '../sandbox.fixture.js';
import { checkSyntax } from './syntax.js';
import { usedMembers } from './used-members.js';

function used(source: string, kind: 'body' | 'expression' = 'body'): Record<string, unknown> {
  const syntax = checkSyntax(sourceOf(kind, source, ['input', 'auth', 'this']));
  if (syntax.kind === 'syntax-error') throw new Error(syntax.message);
  return Object.fromEntries(
    [...usedMembers(syntax)].map(([name, members]) => [name, members && [...members].sort()]),
  );
}

test('[HOK1] only the members that a script names travel to it', () => {
  const source = 'if (input.age < 18 && auth["uid"] !== input.owner?.id) return this.x;';
  expect(used(source)).toEqual({ input: ['age', 'owner'], auth: ['uid'], this: ['x'] });
  expect(used('return 1')).toEqual({ input: [], auth: [], this: [] });
  expect(used('input.a = 1; delete input.b; input.c++; input.d.e.f();')).toMatchObject({
    input: ['a', 'b', 'c', 'd'],
  });
});

test.each([
  'return input',
  'return { input }',
  'const { age } = input;',
  'for (const k in input);',
  'return "age" in input',
  'return Object.keys(input)',
  'return input[auth.uid]',
  'return input.hasOwnProperty("age")',
  'return input?.toString?.()',
  'return input.tag`x`',
  'return input.__proto__',
  'return input["__proto__"]',
  'return ((input)).age',
  'return [1].map((input) => input.age)',
  'return arguments[0]',
  'return eval("in" + "put").age',
  'with (auth) { return age }',
  'input = auth; return input.age',
  'return typeof input',
  'return { ...input }',
  'return input === auth',
  'return () => input',
])('[HOK1] all of it travels where the text leaves a doubt: %s', (source) => {
  expect(used(source).input).toBeUndefined();
});

test('[HOK1] a script cannot tell the difference', async () => {
  const vm = await openVm();
  const names = [
    'age',
    'owner',
    'constructor',
    'toString',
    'list',
    'missing',
    'length',
    '__proto__',
  ];
  const name = fc.constantFrom(...names);
  const look = name.chain((member) =>
    fc.constantFrom(
      `input.${member}`,
      `input["${member}"]`,
      `input?.${member}`,
      `typeof input.${member}`,
      `input.${member} === undefined`,
      `"${member}" in input`,
      `Object.keys(input).sort().join()`,
      `(input.${member} = 1, Object.keys(input).sort().join())`,
    ),
  );
  const scopes = fc.dictionary(
    fc.constantFrom(...names.slice(0, 7)),
    fc.jsonValue({ maxDepth: 1 }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(look, { minLength: 1, maxLength: 4 }),
      scopes,
      async (looks, input) => {
        const source = `[${looks.map((one) => `String(${one})`).join(', ')}]`;
        const whole = `eval(${JSON.stringify(source)})`;
        const [pruned, full] = [source, whole].map((text) =>
          compiledOf(sourceOf('expression', text, ['input'])),
        );
        if (pruned === undefined || full === undefined) throw new Error('two were compiled');
        const plain = JSON.parse(JSON.stringify(input));
        expect(await callVm(vm, pruned, { input: plain })).toEqual(
          await callVm(vm, full, { input: plain }),
        );
      },
    ),
    { numRuns: 200 },
  );
});
