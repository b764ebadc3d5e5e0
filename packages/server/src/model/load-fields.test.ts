import { expect, test } from 'vitest';
import { loaded, problemsOf, thing, thingYaml } from './models.fixture.js';

test.each([
  ['{ type: String, enum: [a, a] }', /`enum` of field `f` has `"a"` twice; expected each once/],
  ['{ type: String, enum: [a, 1] }', /`enum` of field `f` has .*1.*; expected a text/],
  ['{ type: Long, enum: [1, 1.5] }', /has .*1\.5.*; expected a whole number/],
  ['{ type: Long, enum: [] }', /`enum` of field `f` is empty; expected a list of its values/],
  ['{ type: Long, enum: 5 }', /`enum` of field `f` is .*; expected a list of its values/],
  ['{ type: Double, enum: [1] }', /`enum` is for fields of type `String`, `Long` or `List`/],
  ['{ type: List, items: Boolean, enum: [1] }', /whose items are of type `Boolean`/],
  ['{ type: List, items: { type: Long, enum: [1] }, enum: [1] }', /and so have its items/],
  [
    '{ type: String, enum: [a, b], default: c }',
    /the default of field `f` is `"c"`; expected `a` or `b`/,
  ],
  [`{ type: String, enum: [a, b], default: '"c"' }`, /the default of field `f` is `"c"`/],
  [
    '{ type: Long, enum: [1, 2], default: 3 }',
    /the default of field `f` is `3`; expected `1` or `2`/,
  ],
  [
    '{ type: List, items: String, enum: [a], default: [a, b] }',
    /the default of field `f` is `"b"`/,
  ],
])('[FAC2] an enum with a mistake does not load: %s', async (field, problem) => {
  const problems = await problemsOf({ 'a/model.yaml': thingYaml(`  f: ${field}`) });
  expect(problems).toEqual([expect.stringMatching(problem)]);
});

test('[FAC2] [LOD6] a default that its enum does not list is reported as such, not as of another type', async () => {
  const field = '  f: { type: String, enum: [a, b], default: \'"c" + ""\' }';
  const { warnings } = await loaded({ 'a/model.yaml': thingYaml(field) });
  expect(warnings).toEqual([
    expect.stringMatching(/: the default of `f` is not in its `enum`: a create that /),
  ]);
});

test('[FAC3] indexes over several fields are part of the layout', async () => {
  const fields =
    '  a: { type: String, unique: true }\n  o: { type: Object, fields: { b: { type: Long } } }';
  const more = 'unique: [[a, o.b], "o.b, a"]\nindex: [[o.b, a]]';
  const problems = await problemsOf({ 'things/model.yaml': thingYaml(fields, more) });
  expect(problems).toEqual([
    expect.stringMatching(/an element of `unique` is .*; expected a list of fields/),
  ]);
  const { thing: model } = await thing(fields, more.replace(', "o.b, a"', ''));
  expect(model.layout.indexes).toEqual([
    { fields: ['a'], unique: true },
    { fields: ['a', 'o.b'], unique: true },
    { fields: ['o.b', 'a'], unique: false },
  ]);
});

test.each([
  ['unique: [a, b]', 2, /an element of `unique` is .*; expected a list of fields/],
  ['unique: a', 1, /`unique` is .*; expected a list of lists of fields/],
  ['index: [[a]]', 1, /expected `index: true` at a single one/],
  ['index: [[a, a]]', 1, /`index` has `a` twice/],
  ['index: [[a, b], [a, b]]', 1, /`index` has \[a, b\] twice/],
  ['index: [[a, size]]', 1, /unknown field `size` of this model; the nearest known one is `sizes`/],
  ['index: [[a, l]]', 1, /`index` has `l`, which is of type `List`/],
  ['index: [[a, sizes.x]]', 1, /unknown field `sizes.x`/],
])('[FAC3] an index with a mistake does not load: %s', async (more, count, problem) => {
  const fields =
    '  a: { type: String }\n  b: { type: Long }\n  l: { type: List, items: Long }\n  sizes: { type: Json }';
  const problems = await problemsOf({ 'things/model.yaml': thingYaml(fields, more) });
  expect(problems).toHaveLength(count);
  expect(problems[0]).toMatch(problem);
});

test.each([
  ['{ type: String, access: { delete: true } }', /unknown key `delete` in `access` of field `f`/],
  [
    '{ type: String, access: { write: true, update: true } }',
    /`write` stands for `create` and `update`/,
  ],
  [
    '{ type: String, access: { update: "x ==" } }',
    /the rule for `update` of field `f` does not compile/,
  ],
  [
    '{ type: Object, fields: { x: { type: Long, access: { read: false } } } }',
    /`read` hides whole fields/,
  ],
  [
    '{ type: List, items: { type: Long, access: { write: false } } }',
    /`access` cannot be inside of a List/,
  ],
  [
    '{ type: Calculated, valueType: Long, dependsOn: [], value: 1, access: { write: false } }',
    /field `f` is calculated, and written by nobody; expected `read` alone/,
  ],
])('[FAC1] rules of a field with a mistake do not load: %s', async (field, problem) => {
  const problems = await problemsOf({ 'a/model.yaml': thingYaml(`  f: ${field}`) });
  expect(problems).toEqual([expect.stringMatching(problem)]);
});

test('[FAC1] rules of fields by right, and what they may hide', async () => {
  const fields = [
    '  a: { type: Long, access: { write: false, read: auth.uid == "x" } }',
    '  o: { type: Object, fields: { b: { type: Long, access: { update: value > was, create: true } } } }',
  ].join('\n');
  const { thing: model } = await thing(fields);
  const { read, create, update } = model.fieldRules;
  const paths = [read, create, update].map((rules) => rules.map(({ path }) => path));
  expect(paths).toEqual([['a'], ['a'], ['a', 'o.b']]);
  expect(model.hides).toEqual(new Set(['a']));
});
