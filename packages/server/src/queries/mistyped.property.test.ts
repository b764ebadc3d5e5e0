import type { Auth, JsonObject, JsonValue } from '@really/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { directSandbox } from '../commands/test-app.fixture.js';
import type { Model, Rule } from '../model/model.js';
import { alice, thing } from '../model/models.fixture.js';
import { scriptRule } from '../model/rules/access.js';
import { ruleToRql, typesReadBy } from '../model/rules/rule-to-rql.js';
import { makeScript } from '../model/script/make-script.js';
import { parseExpression } from '../model/script/parse-script.js';
import { createWrite } from '../objects/change.js';
import { defaultLimits } from '../platform/limits.js';
import { type SimulatedPlatform, simulatedPlatform } from '../platform/simulated.js';
import { openMemoryStore } from '../store/memory/store.js';
import { Scratch } from '../store/sqlite/scratch.fixture.js';
import type { Store } from '../store/store.js';
import { Search } from './search.js';

const fields = [
  '  text: { type: String, index: true }',
  '  flag: { type: Boolean }',
  '  long: { type: Long, index: true }',
  '  part: { type: Double }',
  '  born: { type: Date }',
  '  boss: { type: reference, collectionR: /things }',
  '  half: { type: Calculated, valueType: Double, dependsOn: long, value: this.long / 2 }',
].join('\n');

const scratch = Scratch.each();
let collections = 0;

async function ruleOf(source: string): Promise<Rule> {
  const parsed = parseExpression(source);
  if (parsed.kind === 'failure') throw new Error(parsed.message);
  const place = { where: 'm:1:1', file: 'm', line: 1, hasThis: false } as const;
  const parameters = ['auth', 'obj', 'input', 'r'];
  const draft = { ...place, kind: 'expression', source, tree: parsed.tree, parameters } as const;
  const script = await makeScript(draft, { sandbox: directSandbox(), now: () => 0 });
  if ('kind' in script) throw new Error(script.message);
  return scriptRule(script, () => {});
}

/** The template as a separate collection with this read rule. */
async function modelWith(template: Model, rule: string): Promise<Model> {
  const read = await ruleOf(rule);
  const names = [`things${++collections}`];
  const types = typesReadBy(read, template.fields);
  const access = { ...template.access, read };
  return { ...template, names, access, layout: { ...template.layout, names, types } };
}

async function write(
  store: Store,
  { names }: Model,
  all: readonly JsonObject[],
): Promise<string[]> {
  const rs = all.map((_, index) => `/${names[0]}/${index}`);
  const origin = { by: { uid: 'u' }, at: 1, modelVersion: 1 };
  const groups = all.map((data, index) => ({
    writes: [createWrite(rs[index] ?? '', data, origin)],
  }));
  for (const { kind } of await store.commit(groups)) expect(kind).toBe('committed');
  return rs;
}

function searchOf(store: Store, model: Model, auth: Auth, field = '_r'): Search {
  const platform: SimulatedPlatform = simulatedPlatform({ seed: 1 });
  const objects = { heads: (rs: readonly string[]) => store.getMany(rs) };
  const limits = { ...defaultLimits, queryTime: 60_000 };
  const services = { store, objects, platform, limits };
  const order = { keys: [{ field, descending: false }] };
  const scope = { names: model.names, parents: [] };
  return new Search({ services, owner: '', auth, model, scope, filter: undefined, order });
}

async function foundBy(store: Store, model: Model, auth: Auth) {
  const options = { start: undefined, skip: 0, limit: 100 };
  const ids = (rs: readonly { object: { r: string } }[]) => rs.map(({ object }) => object.r).sort();
  return {
    read: ids(await searchOf(store, model, auth).page(options)),
    sorted: ids(await searchOf(store, model, auth, 'long').page(options)),
    count: await searchOf(store, model, auth).count(),
  };
}

const names = ['text', 'flag', 'long', 'part', 'born', 'boss', 'half'];
const known = [
  ...['auth.uid', 'auth._r', 'auth.data.level', '"alice"', '""', '"9"', '"0"', '" 3 "', '"true"'],
  ...['3', '0', '-1.5', 'true', 'false', 'null', 'undefined', 'NaN'],
  ...['"2024-01-01T00:00:00.000Z"', '"/users/1"', '"a,b"', '"[object Object]"'],
];
const field = fc.constantFrom(...names).map((name) => `obj.${name}`);
const operators = ['==', '!=', '===', '!==', '<', '<=', '>', '>='] as const;
const comparison = fc
  .tuple(
    field,
    fc.constantFrom(...operators),
    fc.constantFrom(...known, 'obj.text', 'obj.long'),
    fc.boolean(),
  )
  .map(([a, op, b, turned]) => (turned ? `${b} ${op} ${a}` : `${a} ${op} ${b}`));
const { rule } = fc.letrec<{ rule: string }>((tie) => ({
  rule: fc.oneof(
    { depthSize: 'small' },
    comparison,
    field,
    fc
      .tuple(tie('rule'), fc.constantFrom('&&', '||'), tie('rule'))
      .map(([a, op, b]) => `(${a} ${op} ${b})`),
    tie('rule').map((inner) => `!(${inner})`),
    fc.tuple(tie('rule'), tie('rule'), tie('rule')).map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
  ),
}));
/** Values that an older version of the model may have stored. */
const stored = fc.constantFrom<JsonValue>(
  ...['', '0', '9', '3', ' 3 ', 'alice', 'true', 'x', '\uffff', '2024-01-01T00:00:00.000Z'],
  ...['/users/1', '[object Object]', 0, 3, 9, -1.5, 1, true, false],
  ...[[], [3], ['alice'], ['a', 'b'], [[9]], {}, { toString: 1 }, { valueOf: 3 }],
);
const object: fc.Arbitrary<JsonObject> = fc.dictionary(fc.constantFrom(...names), stored, {
  noNullPrototype: true,
});
const auth = fc.record<Auth>(
  {
    uid: fc.constantFrom('alice', '3', '0'),
    _r: fc.constantFrom('/users/1', '/users/2'),
    data: fc.constantFrom<JsonObject[]>({}, { level: 3 }, { level: '3' }, { level: [3] }),
  },
  { requiredKeys: ['uid', 'data'] },
);

test.each([
  ['the memory store', async () => openMemoryStore({}, simulatedPlatform({ seed: 1 }))],
  ['SQLite', async () => scratch.open({ file: scratch.file() })],
] as const)(
  '[ACC11] on %s read, sort and count find what the rule allows, whatever is stored',
  async (_name, open) => {
    const { thing: template } = await thing(fields);
    const store = await open();
    let assuming = 0;
    await fc.assert(
      fc.asyncProperty(
        rule,
        fc.array(object, { minLength: 1, maxLength: 6 }),
        auth,
        async (source, all, reader) => {
          const model = await modelWith(template, source);
          const pushdown = ruleToRql(model, reader);
          if (pushdown?.kind === 'filter' && pushdown.assumes.length > 0) assuming += 1;
          await store.prepare([model.layout]);
          const rs = await write(store, model, all);
          const allowed: string[] = [];
          for (const [index, data] of all.entries()) {
            const r = rs[index] ?? '';
            const obj = { ...data, _r: r, _rev: 1 };
            const decision = await model.access.read.decide({ auth: reader, obj, r });
            if (decision === 'allowed') allowed.push(r);
          }
          const found = await foundBy(store, model, reader);
          expect(found).toEqual({ read: allowed, sorted: allowed, count: allowed.length });
        },
      ),
      { numRuns: 100 },
    );
    expect(assuming).toBeGreaterThan(20);
  },
);

test('[ACC11] a text in place of a number is authorized as the rule says', async () => {
  const { thing: template } = await thing(fields);
  for (const store of [
    openMemoryStore({}, simulatedPlatform({ seed: 1 })),
    await scratch.open({ file: scratch.file() }),
  ]) {
    const secret = await modelWith(template, '!(obj.long > 3)');
    await store.prepare([secret.layout]);
    await write(store, secret, [{ long: '9' }, { long: 9 }]);
    expect(await foundBy(store, secret, alice)).toEqual({ read: [], sorted: [], count: 0 });
    const shown = await modelWith(template, 'obj.long < 3');
    await store.prepare([shown.layout]);
    const [r] = await write(store, shown, [{ long: '2' }, { long: 9 }]);
    expect(await foundBy(store, shown, alice)).toEqual({ read: [r], sorted: [r], count: 1 });
  }
});

test('[ACC11] a rule that compares with NaN is asked for an object that it cannot compare', async () => {
  const { thing: template } = await thing(fields);
  for (const store of [
    openMemoryStore({}, simulatedPlatform({ seed: 1 })),
    await scratch.open({ file: scratch.file() }),
  ]) {
    const model = await modelWith(template, 'obj.half != NaN');
    await store.prepare([model.layout]);
    const [, r] = await write(store, model, [{ half: { toString: 1 } }, { half: 1 }]);
    expect(await foundBy(store, model, alice)).toEqual({ read: [r], sorted: [r], count: 1 });
  }
});

test('[ACC11] once no mistyped value is stored, the store counts by itself again', async () => {
  const { thing: template } = await thing(fields);
  const store = openMemoryStore({}, simulatedPlatform({ seed: 1 }));
  const model = await modelWith(template, 'obj.long > 3');
  await store.prepare([model.layout]);
  const [odd] = await write(store, model, [{ long: '9' }, { long: 9 }]);
  let counts = 0;
  const watched: Store = Object.create(store, {
    count: {
      value: async (query: Parameters<Store['count']>[0]) => {
        counts += 1;
        return await store.count(query);
      },
    },
    query: { value: store.query.bind(store) },
    mistyped: { value: store.mistyped.bind(store) },
  });
  expect(await searchOf(watched, model, alice).count()).toBe(2);
  expect(counts).toBe(0);
  await store.commit([{ writes: [], erases: [odd ?? ''] }]);
  expect(await searchOf(watched, model, alice).count()).toBe(1);
  expect(counts).toBe(1);
});
