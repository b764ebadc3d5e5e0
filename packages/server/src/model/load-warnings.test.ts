import { expect, test } from 'vitest';
import { loaded, thingYaml } from './models.fixture.js';

test('[LOD6] warnings about likely mistakes in models that load', async () => {
  const { warnings } = await loaded({
    'a/model.yaml': thingYaml(
      [
        '  age: { type: Long, default: "\'x\'", validation: valu > 1 }',
        '  kind: { type: Long, default: en }',
        '  double: { type: Calculated, valueType: Long, dependsOn: kind, value: this.age * 2 }',
        '  last: { type: Long, required: this.age > 3, validation: value > this.age }',
      ].join('\n'),
      'access: { read: objj.owner == auth.uid, create: "[1].map((x) => x + y).length > Math.max(1)", update: obj.ag == auth.userId }',
    ),
  });
  expect(warnings.map((warning) => warning.replace(/^.*?a\/model/, 'a/model'))).toEqual([
    expect.stringMatching(/^a\/model\.yaml:3:50: nothing here is called `valu`/),
    expect.stringMatching(/^a\/model\.yaml:6:33: `this` is nothing here.*has it$/),
    expect.stringMatching(
      /^a\/model\.yaml:6:59: `this` is nothing here.*; here there is `value` or `last`$/,
    ),
    expect.stringMatching(/^a\/model\.yaml:7:50: nothing here is called `y`/),
    expect.stringMatching(/^a\/model\.yaml:7:17: .* called `objj`.*; did you mean `obj`\?$/),
    expect.stringMatching(/^a\/model\.yaml:7:\d+: `obj` has no `ag`.*; it has `age`, /),
    expect.stringMatching(/^a\/model\.yaml:7:\d+: `auth` has no `userId`.*; it has `uid`, /),
    expect.stringMatching(
      /^a\/model\.yaml:5:\d+: `double` reads `age`, which its `dependsOn` does not name/,
    ),
    expect.stringMatching(/^a\/model\.yaml:3:\d+: the default of `age` is no Long/),
    expect.stringMatching(/^a\/model\.yaml:4:\d+: the default of `kind` is no Long/),
  ]);
});

test('[LOD6] correct models are loaded without warnings', async () => {
  const { warnings } = await loaded({
    'a/model.yaml': thingYaml(
      [
        '  age: { type: Long, default: 3, validation: "[1, 2].every((one) => one < value) && Math.abs(age) > 1" }',
        '  lang: { type: String, default: en, required: "true" }',
        '  when: { type: Date, default: now() }',
        '  twice: { type: Calculated, valueType: Long, dependsOn: [age], value: this.age * 2 }',
      ].join('\n'),
      'access: { read: obj.age > 3 && obj._rev > 1, create: input.age > 1 && auth.data.role == r }',
    ),
    'a/pre-get.js': `
      const copy = { ...obj, nope: 1 };
      const { age: years = 1, ...rest } = obj;
      obj.extra = years;
      if (typeof nothing === 'undefined' && obj.hasOwnProperty('age')) print(copy.nope, obj.extra);
      function each(list, [first] = [], { second } = {}) {
        for (const one of list) print(one, first, second, arguments.length);
      }
      label: for (left in rest) break label;
      [1].map((obj) => obj.whatever);
      try { each([]); } catch (error) { print(error.message, this, left); }
      class Box { size = 1; static of = (x) => new Box(x); #own() { return this.size; } }
      hide("age"); print(\`\${Box.of(1)}\`, /x/.test("y"), new Uint8Array(1), auth.data.role);`,
    'a/pre-update.js': 'if (fields.includes("age") && before.age > after["age"]) cancel(400, "x");',
    'a/post-update.js': 'emit("x", { age: obj.age }); update(obj._r, { age: before?.age ?? 1 });',
    'a/evolution-1.js': 'return { age: obj.before };',
  });
  expect(warnings).toEqual([]);
});

const hookOf = async (name: string, source: string): Promise<string[]> => {
  const { warnings } = await loaded({
    'a/model.yaml': thingYaml(
      '  title: { type: String }\n  house: { type: Object, fields: { size: { type: Long } } }',
      'access: { read: true }',
    ),
    [`a/${name}.js`]: source,
  });
  return warnings.map((warning) => warning.replace(/^.*\/a\//, ''));
};

test.each([
  [
    'post-create',
    '\n  emitt("x", obj);',
    /^post-create\.js:2:3: .*`emitt`.*; did you mean `emit`\?$/,
  ],
  ['post-create', 'const x = gett("/users/1");', /^post-create\.js:1:11: .*did you mean `get`\?$/],
  [
    'pre-update',
    'if (!get("/users/1")) cancel(1, "x");',
    /^pre-update\.js:1:6: .*`get`.*; only post hooks have it, .*`lookups`$/,
  ],
  ['on-validate', 'print(count("/users"));', /^on-validate\.js:1:7: .*`count`.*; only post hooks/],
  ['evolution-1', 'return read("/users")[0];', /^evolution-1\.js:1:8: .*`read`.*; only post hooks/],
  [
    'post-update',
    'cancel(400, "no");',
    /^post-update\.js:1:1: .*`cancel`.*; post hooks do not have it$/,
  ],
  [
    'pre-update',
    'if (after) { emit("x", {}); }',
    /^pre-update\.js:1:14: .*`emit`.*; only post hooks/,
  ],
  ['pre-get', 'console.log(obj);', /^pre-get\.js:1:1: .*`console`.*; `print` writes to the log$/],
  ['pre-get', 'if (input.title) hide("title");', /^pre-get\.js:1:5: .*`input`/],
  ['on-validate', 'const f = () => before;', /^on-validate\.js:1:17: .*`before`/],
  [
    'pre-get',
    'if (obj.author) cancel(1, "x");',
    /^pre-get\.js:1:5: `obj` has no `author`.*has `title`/,
  ],
  ['pre-get', 'const { titel } = obj; print(titel);', /^pre-get\.js:1:9: `obj` has no `titel`/],
  ['pre-get', 'print(obj?.["author"]?.x);', /^pre-get\.js:1:7: `obj` has no `author`/],
  ['on-validate', 'print(input.house.sise);', /^on-validate\.js:1:7: `input\.house` has no `sise`/],
  ['pre-update', 'print(before.author);', /^pre-update\.js:1:7: `before` has no `author`/],
  ['pre-delete', 'print(auth.userId);', /^pre-delete\.js:1:7: `auth` has no `userId`/],
  [
    'pre-get',
    'hide("titel");',
    /^pre-get\.js:1:6: `hide` names `titel`.*; did you mean `title`\?$/,
  ],
  [
    'pre-update',
    'if (fields.includes("author")) cancel(1, "x");',
    /`fields\.includes` names `author`/,
  ],
  ['evolution-1', 'return { ...object };', /^evolution-1\.js:1:13: .*`object`/],
])('[LOD6] a slip in %s is found before it runs: %s', async (name, source, expected) => {
  expect(await hookOf(name, source)).toEqual([expect.stringMatching(expected)]);
});

test('[HRD1] [LOD6] post hooks know what reads, and rules are refused, as they do not', async () => {
  const hook = 'const [one] = read("/a", { limit: count("/a") }); print(one, get("/a/1"));';
  expect(await hookOf('post-create', hook)).toEqual([]);
  const { warnings } = await loaded({
    'a/model.yaml': thingYaml('  title: { type: String }', 'access: { read: get("/a/1") != null }'),
  });
  expect(warnings).toEqual([
    expect.stringMatching(/`get`.*; only post hooks have it, .*through `lookups`$/),
  ]);
});

test('[LOD6] each mistake is reported once, at its first position', async () => {
  expect(await hookOf('pre-get', 'print(obj.b);\nprint(obj.b, a);\na();')).toEqual([
    expect.stringMatching(/^pre-get\.js:2:14: nothing here is called `a`/),
    expect.stringMatching(/^pre-get\.js:1:7: `obj` has no `b`/),
  ]);
});
