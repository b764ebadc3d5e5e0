import type { JsonValue } from '@really/protocol';
import { expect, test } from 'vitest';
import type { Script } from '../model.js';
import { VmSandbox } from '../models.fixture.js';
import { nowKey, thisKey } from './expression.js';
import { makeScript } from './make-script.js';
import { parseBody, parseExpression } from './parse-script.js';
import type { ScriptDraft } from './sandboxed-script.js';

interface Made {
  readonly script: Script;
  readonly sandbox: VmSandbox;
}

async function make(
  source: string,
  parameters: readonly string[] = ['obj', 'auth'],
  more: Partial<ScriptDraft> = {},
): Promise<Made> {
  const kind = more.kind ?? 'expression';
  const parsed = kind === 'body' ? parseBody(source) : parseExpression(source);
  if (parsed.kind === 'failure') throw new Error(parsed.message);
  const sandbox = new VmSandbox();
  const draft = {
    kind,
    source,
    tree: parsed.tree,
    where: 'm:3:1',
    file: 'm',
    line: 3,
    parameters,
    hasThis: false,
    ...more,
  };
  const script = await makeScript(draft, { sandbox, now: () => Date.UTC(2024, 0, 1) });
  if ('kind' in script) throw new Error(script.message);
  return { script, sandbox };
}

async function evaluated(
  source: string,
  scope: Record<string, JsonValue | undefined> = {},
): Promise<JsonValue | undefined> {
  const { script } = await make(source, Object.keys(scope));
  const result = await script.run(scope);
  if (result.kind !== 'returned') throw new Error(JSON.stringify(result));
  return result.value;
}

/** A template that is compared with the empty text; each part gets the `$` that the linter would miss in a plain text. */
function template(...parts: string[]): string {
  return `\`${parts.map((part) => `$${part}`).join('')}\` == ""`;
}

test('[ACC1] what rules are made of runs in place', async () => {
  const sources = [
    'true',
    'auth.authType != "anonymous"',
    'obj._r == auth._r',
    'obj.owner === auth.uid && !obj.locked || auth.data?.role === "admin"',
    'obj.name.length > 3',
    'obj.tags[0] == "x"',
    'obj.created < now()',
    template('{obj.name}!'),
    'obj.link ?? obj.at',
    '(obj.age >= 18)',
    'typeof obj.age == "number"',
  ];
  for (const source of sources) {
    const { script, sandbox } = await make(source);
    const result = script.run({
      obj: { name: 'abcd', tags: ['x'], at: 1, age: 20 },
      auth: { uid: 'u' },
    });
    expect(result, source).not.toBeInstanceOf(Promise);
    expect(sandbox.compiled, source).toEqual([]);
  }
});

test('[HOK7] [HOK8] what can loop, be called, or reach a prototype goes to the sandbox', async () => {
  const sources = [
    'obj.name.trim()',
    'obj.name.indexOf("x") == 0',
    'new Date()',
    '/(a+)+b/.test(obj.name)',
    'obj.constructor',
    'obj["__proto__"]',
    'obj.toString',
    'obj[obj.name]',
    'obj.age ** 2',
    '(() => 1)()',
    'obj.x = 1',
    'obj.n++',
    '"x" in obj',
    'now(1)',
    'delete obj.x',
    'Math',
    'nope',
    '[...obj.tags]',
    '1n',
    'String.raw`a`',
  ];
  for (const source of sources) {
    const { script, sandbox } = await make(source);
    expect(sandbox.compiled, source).toHaveLength(1);
    expect(script.run({ obj: { name: 'a', tags: [] }, auth: { uid: 'u' } }), source).toBeInstanceOf(
      Promise,
    );
  }
});

test('[VAL3] a closure that meets what only an engine can answer starts again in the sandbox', async () => {
  const { script, sandbox } = await make('obj.x + 1 > 0 && obj.name.at');
  expect(script.run({ obj: { x: 1, name: { at: 7 } } })).toMatchObject({
    kind: 'returned',
    value: 7,
  });
  expect(sandbox.calls).toHaveLength(0);
  expect(await script.run({ obj: { x: ['1'], name: { at: 8 } } })).toMatchObject({
    kind: 'returned',
    value: 8,
  });
  expect(await script.run({ obj: { x: 1, name: 'text' } })).toMatchObject({
    kind: 'returned',
    value: undefined,
  });
  expect(sandbox.calls).toHaveLength(2);
});

test('[HOK8] a text that would be very long is made where memory is counted', async () => {
  const { script, sandbox } = await make(template('{obj.a}', '{obj.a}'));
  expect(script.run({ obj: { a: 'x'.repeat(500_000) } })).toMatchObject({
    kind: 'returned',
    value: false,
  });
  await script.run({ obj: { a: 'x'.repeat(600_000) } });
  expect(sandbox.calls).toHaveLength(1);
});

test('[ACC4] a read of nothing throws, and says where', async () => {
  const { script } = await make('obj.a &&\nobj.b.c');
  expect(script.run({ obj: { a: 1 } })).toEqual({
    kind: 'threw',
    message: "cannot read property 'c' of undefined",
    line: 4,
  });
  expect(script.run({ obj: { a: 1, b: null } })).toMatchObject({
    kind: 'threw',
    message: "cannot read property 'c' of null",
  });
  expect(script.run({})).toMatchObject({
    kind: 'threw',
    message: "cannot read property 'a' of undefined",
  });
});

test('[VAL2] numbers that JSON does not have are no values', async () => {
  for (const source of ['0 / 0', '1 / 0', 'NaN', '-Infinity']) {
    const { script } = await make(source, []);
    expect(await script.run({}), source).toMatchObject({
      kind: 'threw',
      message: expect.stringContaining('which is no JSON'),
    });
    const { script: validation } = await make(source, [], { isValidation: true });
    expect(await validation.run({}), source).toMatchObject({ kind: 'returned', value: null });
  }
  expect(Object.is(await evaluated('-0'), 0)).toBe(true);
  expect(await evaluated('undefined')).toBeUndefined();
});

test('[VAL2] a list or an object of literals is created again each time', async () => {
  const { script } = await make('[{ a: [] }]', []);
  const first = await script.run({});
  const second = await script.run({});
  expect(first).toMatchObject({ kind: 'returned', value: [{ a: [] }] });
  expect(
    first.kind === 'returned' && second.kind === 'returned' && first.value === second.value,
  ).toBe(false);
});

test('[VAL2] now() is the time that the scope brings, else that of the clock, in and out of the sandbox', async () => {
  for (const source of ['now()', '[now()].pop()']) {
    const { script } = await make(source, []);
    expect(await script.run({}), source).toMatchObject({ value: '2024-01-01T00:00:00.000Z' });
    expect(await script.run({ [nowKey]: 'then' }), source).toMatchObject({ value: 'then' });
  }
});

test('[VAL3] of a validation only true and false come out of the sandbox, at their places in the file', async () => {
  const sources = [
    '[1].includes(1)',
    '[] == 1',
    'String',
    'Number("x")',
    '10n',
    '[].pop()',
    'now() < new Date().toISOString()',
  ];
  const expected = [true, false, null, null, null, null, true];
  for (const [index, source] of sources.entries()) {
    const { script } = await make(source, [], { isValidation: true });
    expect(await script.run({}), source).toMatchObject({ value: expected[index] });
  }
});

test('[CAL1] `this` and functions of the dependencies mean the same in and out of the sandbox', async () => {
  const calculated = { hasThis: true };
  const scope = { [thisKey]: { first: 'A', last: 'B' }, first: 'A', 'last-name': 'B' };
  for (const source of ['this.first + this.last', '[this.first, this.last].join("")']) {
    const { script } = await make(source, [], calculated);
    expect(await script.run(scope), source).toMatchObject({ value: 'AB' });
  }
  const given = ['first', 'last-name'];
  for (const source of [
    '(a, b) => a + b',
    '((a, b) => a + b)',
    'function (a, b) { return a + b; }',
    '(a, b) => { return a + b; }',
    '(...all) => all.join("")',
    '(a, b) => a.slice(0) + b // the end',
    '(a, b) => now() && a + b.trim()',
  ]) {
    const { script } = await make(source, given, { kind: 'function' });
    expect(await script.run(scope), source).toMatchObject({ value: 'AB' });
  }
});

test('[HOK2] a hook gets the names that it has, and its first line is that of the file', async () => {
  const { script, sandbox } = await make(
    'if (auth.uid != obj.owner) hide("age")',
    ['obj', 'auth'],
    { kind: 'body', line: 1 },
  );
  expect(await script.run({ obj: { owner: 'a' }, auth: { uid: 'b' } })).toMatchObject({
    hidden: ['age'],
  });
  expect(sandbox.compiled).toMatchObject([{ kind: 'body', line: 1, parameters: ['obj', 'auth'] }]);
});

test('[ACC1] what is the same for everybody is known to be', async () => {
  expect((await make('true')).script.constant).toEqual({ value: true });
  expect((await make('1 + 1 == 3')).script.constant).toEqual({ value: false });
  for (const source of ['auth.uid', 'now()', 'null.x', 'Math.random()', '[] + ""']) {
    expect((await make(source)).script.constant, source).toBeUndefined();
  }
});

test('[VAL3] an expression of thousands of parts neither overflows nor runs in place', async () => {
  const { script } = await make(Array(3000).fill('1').join('+'), []);
  expect(await script.run({})).toMatchObject({ value: 3000 });
  expect(parseExpression('('.repeat(100_000))).toMatchObject({ kind: 'failure' });
});
