import { type Auth, compilePredicate, type JsonObject } from '@really/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Model, Rule } from '../model.js';
import { alice, thing, VmSandbox } from '../models.fixture.js';
import { makeScript } from '../script/make-script.js';
import { parseExpression } from '../script/parse-script.js';
import { scriptRule } from './access.js';
import { ruleToRql } from './rule-to-rql.js';

const fields = [
  '  owner: { type: String }',
  '  open: { type: Boolean }',
  '  age: { type: Long }',
  '  score: { type: Double }',
  '  born: { type: Date }',
  '  boss: { type: reference, collectionR: /things }',
  '  tags: { type: List, items: String }',
  '  half: { type: Calculated, valueType: Double, dependsOn: age, value: this.age / 2 }',
].join('\n');

async function modelWith(rule: string): Promise<Model> {
  return (await thing(fields, `access: { read: ${JSON.stringify(rule)} }`)).thing;
}

async function pushdown(rule: string, auth: Auth = alice): Promise<unknown> {
  return ruleToRql(await modelWith(rule), auth);
}

function comparison(name: string, operator: string, value: unknown): object {
  return { kind: 'comparison', field: [name], operator, value };
}

test('[ACC5] rules over fields and auth become filters', async () => {
  const filter = (one: object, ...assumes: object[]) => ({ kind: 'filter', filter: one, assumes });
  const owner = { field: 'owner', type: 'text' };
  const open = { field: 'open', type: 'boolean' };
  expect(await pushdown('obj.owner == auth.uid')).toEqual(
    filter(comparison('owner', '=', 'alice'), owner),
  );
  expect(await pushdown('auth._r === obj.boss')).toEqual(
    filter(comparison('boss', '=', '/users/1')),
  );
  expect(await pushdown('obj.open')).toEqual(filter(comparison('open', '=', true), open));
  expect(await pushdown('18 <= obj.age')).toEqual(
    filter(comparison('age', '>=', 18), { field: 'age', type: 'number' }),
  );
  expect(await pushdown('r == auth._r')).toEqual(filter(comparison('_r', '=', '/users/1')));
  expect(await pushdown('obj.owner == null')).toEqual(filter(comparison('owner', '=', null)));
  expect(await pushdown('obj.open || obj.owner == auth.uid')).toEqual(
    filter(
      {
        kind: 'or',
        left: comparison('open', '=', true),
        right: comparison('owner', '=', 'alice'),
      },
      open,
      owner,
    ),
  );
  expect(await pushdown('auth.authType != "anonymous" && !obj.open')).toEqual(
    filter({ kind: 'not', operand: comparison('open', '=', true) }, open),
  );
});

test('[ACC5] a rule on auth alone allows everything or nothing', async () => {
  expect(await pushdown('true')).toEqual({ kind: 'everything' });
  expect(await pushdown('auth.uid == "bob" && obj.open')).toEqual({ kind: 'nothing' });
  expect(await pushdown('auth.uid == "alice" || obj.open')).toEqual({ kind: 'everything' });
  expect(await pushdown('auth.data.role == "admin" || obj.open')).toEqual({ kind: 'nothing' });
});

test('[ACC5] rules without an exact filter are evaluated per object', async () => {
  for (const rule of [
    'obj.age == "7"',
    'obj.owner < 5',
    'obj.owner < "\\ud83d\\ude00"',
    'obj.tags.length > 1',
    'obj.tags == "x"',
    'obj.nope == 1',
    'obj.owner == obj.boss',
    'obj.born < now()',
    'obj.owner.trim() == ""',
    'obj.age + 1 > 2',
    'obj == null',
    'input == null',
    `${Array(60).fill('obj.open').join(' || ')} || obj.open`,
  ]) {
    expect(await pushdown(rule), rule).toBeUndefined();
  }
});

const names = ['owner', 'open', 'age', 'score', 'born', 'boss', 'half', '_r', '_rev'];
const known = [
  'auth.uid',
  'auth._r',
  'auth.authType',
  'auth.data',
  'auth.data.role',
  'auth.data?.role',
  '"alice"',
  '""',
  '7',
  '0',
  '-1.5',
  'true',
  'false',
  'null',
  'undefined',
  'NaN',
  '"2024-01-01T00:00:00.000Z"',
  '"/users/1"',
  '"Ä"',
];
const side = fc.oneof(
  fc.constantFrom(...names).map((name) => `obj.${name}`),
  fc.constantFrom(...known, 'r'),
);
const { rule } = fc.letrec<{ rule: string }>((tie) => ({
  rule: fc.oneof(
    { depthSize: 'small' },
    fc
      .tuple(side, fc.constantFrom('==', '!=', '===', '!==', '<', '<=', '>', '>='), side)
      .map(([a, op, b]) => `${a} ${op} ${b}`),
    side,
    fc
      .tuple(tie('rule'), fc.constantFrom('&&', '||'), tie('rule'))
      .map(([a, op, b]) => `(${a} ${op} ${b})`),
    tie('rule').map((one) => `!(${one})`),
    fc.tuple(tie('rule'), tie('rule'), tie('rule')).map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
  ),
}));

const text = fc.oneof(
  fc.constantFrom('', 'alice', 'bob', 'Ä', '😀'),
  fc.string({ unit: 'grapheme' }),
);
const number = fc.oneof(
  fc.constantFrom(0, 7, -1.5),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const instants = fc.constantFrom(
  '2024-01-01T00:00:00.000Z',
  '2023-12-31T23:59:59.999Z',
  '2024-01-01T00:00:00.001Z',
);
const object = fc.record(
  {
    _r: fc.constantFrom('/things/1', '/users/1'),
    _rev: fc.constantFrom(1, 7),
    owner: text,
    open: fc.boolean(),
    age: fc.constantFrom(0, 7, -3),
    score: number,
    half: number,
    born: instants,
    boss: fc.constantFrom('/users/1', '/users/2'),
  },
  { requiredKeys: ['_r', '_rev'], noNullPrototype: true },
);
const auth = fc.record<Auth>(
  {
    uid: fc.constantFrom('alice', 'bob'),
    _r: fc.constantFrom('/users/1', '/users/2'),
    authType: fc.constantFrom('password', 'anonymous'),
    data: fc.constantFrom<JsonObject[]>({}, { role: 'admin' }, { role: 7 }),
  },
  { requiredKeys: ['uid'] },
);

/** The rule alone: writing a folder for each would take long. */
async function ruleOf(source: string): Promise<Rule> {
  const parsed = parseExpression(source);
  if (parsed.kind === 'failure') throw new Error(parsed.message);
  const place = { where: 'm:1:1', file: 'm', line: 1, hasThis: false } as const;
  const parameters = ['auth', 'obj', 'input', 'r'];
  const draft = { ...place, kind: 'expression', source, tree: parsed.tree, parameters } as const;
  const script = await makeScript(draft, { sandbox: new VmSandbox(), now: () => 0 });
  if ('kind' in script) throw new Error(script.message);
  return scriptRule(script, () => {});
}

test('[ACC5] a filter holds for just the objects that its rule allows', async () => {
  const { thing: model } = await thing(fields);
  let filters = 0;
  await fc.assert(
    fc.asyncProperty(
      rule,
      fc.array(object, { minLength: 1, maxLength: 8 }),
      auth,
      async (source, objects, reader) => {
        const read = await ruleOf(source);
        const found = ruleToRql({ ...model, access: { ...model.access, read } }, reader);
        if (found === undefined) return;
        filters++;
        const allowed =
          found.kind === 'filter'
            ? compilePredicate(found.filter)
            : () => found.kind === 'everything';
        for (const obj of objects) {
          expect(allowed(obj), JSON.stringify(found)).toBe(
            (await read.decide({ auth: reader, obj, r: obj._r })) === 'allowed',
          );
        }
      },
    ),
    { numRuns: 1500 },
  );
  expect(filters).toBeGreaterThan(400);
});
