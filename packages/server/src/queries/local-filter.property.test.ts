import type { JsonObject, JsonValue } from '@really/protocol';
import { bindRql, compilePredicate, parseRql } from '@really/protocol/rql';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { thing } from '../model/models.fixture.js';
import { createWrite } from '../objects/change.js';
import { defaultLimits } from '../platform/limits.js';
import { simulatedPlatform } from '../platform/simulated.js';
import { queryOf } from '../store/contract/sample-writes.js';
import { openMemoryStore } from '../store/memory/store.js';
import { Scratch } from '../store/sqlite/scratch.fixture.js';
import type { Store } from '../store/store.js';
import { filterOf } from './filter.js';

const fields = [
  '  text: { type: String, index: true }',
  '  flag: { type: Boolean }',
  '  long: { type: Long, index: true }',
  '  part: { type: Double }',
  '  tags: { type: List, items: String }',
  '  any: { type: Json }',
  '  box: { type: Object, fields: { p: { type: Long }, q: { type: String } } }',
].join('\n');

const text = fc.constantFrom('', 'a', 'A', 'ab', '1', 'true', 'Straße', '\ue000', '\u{1f600}');
const whole = fc.constantFrom(-1, 0, 1, 2, 20);
const part = fc.constantFrom(-1.5, 0, 0.5, 1, 1e21);
const plain: fc.Arbitrary<JsonValue> = fc.oneof(text, whole, part, fc.boolean(), fc.constant(null));
const any: fc.Arbitrary<JsonValue> = fc.oneof(
  plain,
  fc.array(plain, { maxLength: 3 }),
  fc.dictionary(fc.constantFrom('p', 'q'), plain, { maxKeys: 2, noNullPrototype: true }),
);
const object: fc.Arbitrary<JsonObject> = fc.record(
  {
    ...{ text, flag: fc.boolean(), long: whole, part, any },
    tags: fc.array(text, { maxLength: 3 }),
    box: fc.record({ p: whole, q: text }, { requiredKeys: [] }),
  },
  { requiredKeys: [], noNullPrototype: true },
);

const paths = ['text', 'flag', 'long', 'part', 'tags', 'any', 'any.p', 'box', 'box.p', 'box.q'];
const operand: Readonly<Record<string, fc.Arbitrary<JsonValue>>> = {
  in: fc.array(any, { maxLength: 4 }),
  between: fc.oneof(fc.tuple(text, text), fc.tuple(part, whole)),
  'starts with': text,
};
const operators = ['=', '!=', '<', '<=', '>', '>=', 'contains', ...Object.keys(operand)];
interface SentFilter {
  readonly filter: string;
  readonly values: JsonObject;
}
let names = 0;
const comparison: fc.Arbitrary<SentFilter> = fc
  .tuple(fc.constantFrom('_r', '_rev', ...paths, ...paths), fc.constantFrom(...operators))
  .chain(([path, operator]) =>
    (operand[operator] ?? any).map((value) => {
      const name = `v${++names}`;
      return { filter: `${path} ${operator} $${name}`, values: { [name]: value } };
    }),
  );
const filter = fc.letrec<{ filter: SentFilter }>((tie) => ({
  filter: fc.oneof(
    { depthSize: 'small' },
    { weight: 3, arbitrary: comparison },
    {
      weight: 2,
      arbitrary: fc
        .tuple(tie('filter'), fc.constantFrom('and', 'or'), tie('filter'))
        .map(([a, word, b]) => ({
          filter: `(${a.filter}) ${word} (${b.filter})`,
          values: { ...a.values, ...b.values },
        })),
    },
    {
      weight: 1,
      arbitrary: tie('filter').map((inner) => ({ ...inner, filter: `not (${inner.filter})` })),
    },
  ),
})).filter;

const scratch = Scratch.each();

test('[RQL4] [TSC15] a filter finds the same at the client, in SQLite and in memory', async () => {
  const { thing: template } = await thing(fields);
  const platform = simulatedPlatform({ seed: 1 });
  const stores: Store[] = [
    openMemoryStore({}, platform),
    await scratch.open({ file: scratch.file() }),
  ];
  const services = { limits: defaultLimits, budgets: { refuse() {} }, platform };
  let [collections, found, refused] = [0, 0, 0];
  const check = async (sent: SentFilter, all: readonly JsonObject[]) => {
    const name = `things${++collections}`;
    const bound = await filterOf(template, sent, services).catch(() => undefined);
    // `contains` in a number, for example.
    if (!bound) {
      refused += 1;
      return;
    }
    const isFound = compilePredicate(bindRql(parseRql(sent.filter), sent.values));
    const rs = all.map((_, index) => `/${name}/${index}`);
    const expected = rs.filter((r, at) => isFound({ ...all[at], _r: r, _rev: 1 }));
    found += expected.length;
    for (const store of stores) {
      await store.prepare([{ ...template.layout, names: [name] }]);
      const origin = { by: { uid: 'u' }, at: 1, modelVersion: 1 };
      const groups = all.map((data, at) => ({ writes: [createWrite(rs[at] ?? '', data, origin)] }));
      await store.commit(groups);
      const objects = await store.query(queryOf(name, { filter: bound, limit: 100 }));
      expect(objects.map(({ r }) => r).sort()).toEqual(expected);
    }
  };
  const objects = fc.array(object, { minLength: 1, maxLength: 8 });
  await fc.assert(fc.asyncProperty(filter, objects, check), { numRuns: 200 });
  expect(found).toBeGreaterThan(100);
  expect(refused).toBeLessThan(150);
});
