import { expect, test } from 'vitest';
import { loaded, problemsOf, thingYaml } from './models.fixture.js';

const sound = thingYaml('  name: { type: String }');

test('[LOD1] folders nest as collections do', async () => {
  const { models } = await loaded({
    'users/model.yaml': sound,
    'users/posts/model.yaml': sound,
    'users/posts/comments/model.yaml': sound,
    'teams/model.yaml': sound,
  });
  expect(models.all().map(({ key }) => key)).toEqual([
    'teams',
    'users',
    'users/posts',
    'users/posts/comments',
  ]);
  expect(models.get(['users', 'posts'])?.names).toEqual(['users', 'posts']);
  expect(models.get(['posts'])).toBeUndefined();
});

test('[LOD1] folders that do not nest as collections are refused', async () => {
  const problems = await problemsOf({
    'users/posts/model.yaml': sound,
    'socket/model.yaml': sound,
    '_own/model.yaml': sound,
    'no name/model.yaml': sound,
    'model.yaml': sound,
    'lost/on-validate.js': '',
    'typo/modell.yaml': sound,
  });
  expect(problems).toEqual([
    '_own:1:1: a collection cannot be named `_own`: the name belongs to the system; expected another one',
    'lost:1:1: the folder has no `model.yaml`, although there is `on-validate.js`; expected one',
    'model.yaml:1:1: stands outside of any collection; expected it in a folder named like one',
    'no name:1:1: a collection cannot be named `no name`: expected a letter, then letters, digits, `_` or `-`',
    'socket:1:1: a collection cannot be named `socket`: the name belongs to the system; expected another one',
    'typo:1:1: the folder has no `model.yaml`, although there is `modell.yaml`; expected one (is `modell.yaml` meant?)',
    'users:1:1: the folder has no `model.yaml`, although there are models in folders inside it; expected one',
  ]);
});

test('[LOD1] a missing folder is a problem, an empty one a warning', async () => {
  const { warnings } = await loaded({ '.keep': '' });
  expect(warnings).toEqual([expect.stringContaining('no models')]);
});

test('[LOD2] version is a whole number from 1', async () => {
  const versions = ['0', '-1', '1.5', '"3"', 'three', '', 'true', '[1]', '9007199254740992'];
  const files = Object.fromEntries(
    versions.map((version, index) => [`c${index}/model.yaml`, `version: ${version}\nfields: {}\n`]),
  );
  const problems = await problemsOf({ ...files, 'none/model.yaml': 'fields: {}\n' });
  const reported = (index: number, what: string) =>
    `c${index}/model.yaml:1:10: \`version\` is ${what}; expected a whole number from 1`;
  expect(problems).toEqual([
    reported(0, '`0`'),
    reported(1, '`-1`'),
    reported(2, '`1.5`'),
    reported(3, 'the text `3`'),
    reported(4, '`three`'),
    reported(5, 'empty'),
    reported(6, '`true`'),
    reported(7, 'a list'),
    reported(8, '`9007199254740992`'),
    'none/model.yaml:1:1: the model has no `version`; expected a whole number from 1',
  ]);
});

test('[LOD3] [LOD4] all problems of all models are reported together, with position and what was expected', async () => {
  const problems = await problemsOf({
    'a/model.yaml': [
      'version: x',
      'fields:',
      '  one: { typ: String }',
      '  two: { type: Strnig, requierd: true }',
      '  three: { type: Long, validation: value >= }',
      'acces: { read: true }',
    ].join('\n'),
    'b/model.yaml':
      'version: 1\nfields:\n  ref: { type: reference, collectionR: /aa, fields: [one] }\n',
    'b/pre-get.js': 'hide("x")\nif (',
    'b/on-validat.js': '',
  });
  expect(problems).toEqual([
    'a/model.yaml:1:10: `version` is `x`; expected a whole number from 1',
    'a/model.yaml:3:3: field `one` has no `type`; expected `String`, `Boolean`, `Long`, `Double`, `Date`, `Json`, `Object`, `List`, `reference` or `Calculated`',
    expect.stringMatching(
      /^a\/model\.yaml:3:10: unknown key `typ` in field `one`; the nearest known one is `type`; expected /,
    ),
    expect.stringMatching(
      /^a\/model\.yaml:4:16: unknown type `Strnig` of field `two`; the nearest known one is `String`; expected /,
    ),
    expect.stringMatching(
      /^a\/model\.yaml:4:24: unknown key `requierd` in field `two`; the nearest known one is `required`; /,
    ),
    expect.stringMatching(
      /^a\/model\.yaml:5:\d+: `validation` of field `three` does not compile: unexpected token; expected /,
    ),
    expect.stringMatching(
      /^a\/model\.yaml:6:1: unknown key `acces` in the model; the nearest known one is `access`; /,
    ),
    expect.stringMatching(
      /^b\/model\.yaml:3:40: there is no collection `\/aa`; the nearest known one is `\/a`; /,
    ),
    expect.stringMatching(
      /^b\/on-validat\.js:1:1: unknown file beside `model\.yaml`; the nearest known one is `on-validate\.js`; /,
    ),
    'b/pre-get.js:2:5: does not compile: unexpected token; expected JavaScript, the body of a function',
  ]);
});

test('[LOD5] keys and type names are read in any case', async () => {
  const { model } = await loaded({
    'users/model.yaml': [
      'VERSION: 2',
      'Fields:',
      '  name: { Type: string, REQUIRED: true, Index: true }',
      '  tags: { type: LIST, Items: STRING }',
      '  boss: { type: Reference, collectionr: /users, FIELDS: [name] }',
      '  full: { type: calculated, valuetype: string, dependson: name, Value: this.name }',
      'FieldSets: { card: [name] }',
      'ACCESS: { Create: true, HIDDEN: true }',
      'Retention: { HISTORY: 5 }',
    ].join('\n'),
  });
  const users = model('users');
  expect(users.version).toBe(2);
  expect([...users.fields.values()].map(({ type }) => type)).toEqual([
    'String',
    'List',
    'reference',
    'Calculated',
  ]);
  expect(users.fields.get('name')).toMatchObject({ required: true, index: true, unique: false });
  expect(users.access.hidden).toBe(true);
  expect(users.layout.retention).toEqual({ history: 5 });
});

test('[LOD3] loading twice gives the same problems in the same order, and models that share nothing', async () => {
  const files = Object.fromEntries(
    Array.from({ length: 20 }, (_, index) => [`m${index}/model.yaml`, 'version: 0\nfilds: {}\n']),
  );
  expect(await problemsOf(files)).toEqual(await problemsOf(files));
  const one = await loaded({ 'users/model.yaml': sound });
  const two = await loaded({ 'users/model.yaml': sound });
  expect(one.model('users')).not.toBe(two.model('users'));
  expect(one.model('users').fields.get('name')).not.toBe(two.model('users').fields.get('name'));
});

test('[SET1] [LOD4] names in field sets and dependencies must exist', async () => {
  const problems = await problemsOf({
    'users/model.yaml': [
      'version: 1',
      'fields:',
      '  firstName: { type: String }',
      '  full: { type: Calculated, valueType: String, dependsOn: "firstName, lastNam", value: this.firstName }',
      'fieldSets:',
      '  card: [firstName, fristName]',
      '  9card: [firstName]',
      '  card: [full]',
    ].join('\n'),
  });
  const expected = [
    expect.stringMatching(
      /^users\/model\.yaml:4:71: unknown field `lastNam` of this model; expected `firstName`/,
    ),
    expect.stringMatching(
      /^users\/model\.yaml:6:21: unknown field `fristName` of this model; the nearest known one is `firstName`/,
    ),
    expect.stringMatching(/^users\/model\.yaml:7:3: a field set cannot be named `9card`/),
    'users/model.yaml:8:3: the key `card` is here a second time; expected it once',
  ];
  expect(problems).toEqual(expected);
});

test('[CAL2] a cycle of calculated fields names all that are in it, once', async () => {
  const calculated = (name: string, on: string) =>
    `  ${name}: { type: Calculated, valueType: Long, dependsOn: [${on}], value: "1" }`;
  const problems = await problemsOf({
    'users/model.yaml': thingYaml(
      [
        calculated('a', 'b'),
        calculated('b', 'c'),
        calculated('c', 'a'),
        calculated('d', 'd'),
        calculated('e', 'a'),
      ].join('\n'),
    ),
  });
  expect(problems).toEqual([
    expect.stringMatching(/^users\/model\.yaml:3:3: .*cycle: `a` → `b` → `c` → `a`; /),
    expect.stringMatching(/^users\/model\.yaml:6:3: .*cycle: `d` → `d`; /),
  ]);
});

test('[REF1] a reference names a collection and fields that exist, sets included', async () => {
  const target = thingYaml(
    '  name: { type: String }\n  age: { type: Long }',
    'fieldSets: { card: [name, age] }',
  );
  const field = (collection: string, fields: string) =>
    `  f: { type: reference, collectionR: ${collection}, fields: ${fields} }`;
  const { model } = await loaded({
    'users/model.yaml': target,
    'notes/model.yaml': thingYaml(field('/users/*', '["@card", name]')),
  });
  expect(model('notes').fields.get('f')).toMatchObject({
    collection: ['users'],
    shows: ['name', 'age'],
  });
  const wrong = async (collection: string, fields: string) =>
    (
      await problemsOf({
        'users/model.yaml': target,
        'notes/model.yaml': thingYaml(field(collection, fields)),
      })
    )[0];
  expect(await wrong('/users', '[nam]')).toMatch(
    /:3:55: unknown field `nam` of `users`; the nearest known one is `name`/,
  );
  expect(await wrong('/users', '["@crd"]')).toMatch(
    /unknown field `@crd` of `users`; the nearest known one is `@card`/,
  );
  expect(await wrong('/user', '[name]')).toMatch(
    /no collection `\/user`; the nearest known one is `\/users`/,
  );
  expect(await wrong('/users/1', '[name]')).toMatch(/is an object; expected a collection/);
  expect(await wrong('users', '[name]')).toMatch(/is no R; expected a collection/);
});

test('[LOD7] names that a field cannot have', async () => {
  const names = [
    '_own',
    '__proto__',
    'constructor',
    'toString',
    '1st',
    '"a b"',
    '"a.b"',
    '"a[0]"',
    '""',
  ];
  for (const name of names) {
    const problems = await problemsOf({ 'a/model.yaml': thingYaml(`  ${name}: { type: String }`) });
    expect(problems, name).toEqual([
      expect.stringMatching(/^a\/model\.yaml:3:3: a field cannot be named /),
    ]);
  }
  const { model } = await loaded({
    'a/model.yaml': thingYaml(
      '  größe-1: { type: String }\n  class: { type: Long, validation: value > 1 }',
    ),
  });
  expect([...model('a').fields.keys()]).toEqual(['größe-1', 'class']);
});

test('[LOD4] known keys in a wrong place', async () => {
  const problem = async (field: string) =>
    (await problemsOf({ 'a/model.yaml': thingYaml(`  f: ${field}`) }))[0];
  expect(await problem('{ type: String, items: Long }')).toMatch(
    /:3:22: `items` is for fields of type `List`; a String has /,
  );
  expect(await problem('{ type: Json, index: true }')).toMatch(/`index` is for fields of type /);
  expect(await problem('{ type: List, items: String, unique: true }')).toMatch(
    /`unique` is for fields of type /,
  );
  expect(await problem('{ type: List, items: { type: String, unique: true } }')).toMatch(
    /`unique` cannot be inside of a List/,
  );
  expect(
    await problem(
      '{ type: List, items: { type: Object, fields: { x: { type: Long, index: true } } } }',
    ),
  ).toMatch(/`index` cannot be inside of a List/);
  expect(await problem('{ type: List, items: { type: String, default: x } }')).toMatch(
    /`default` means nothing for the items/,
  );
  expect(
    await problem(
      '{ type: Calculated, valueType: Long, dependsOn: [], value: "1", required: true }',
    ),
  ).toMatch(/`required` is for fields of type /);
  expect(
    await problem(
      '{ type: Object, fields: { x: { type: Calculated, valueType: Long, dependsOn: [], value: "1" } } }',
    ),
  ).toMatch(/expected calculated fields at the top/);
  expect(await problem('{ type: List, items: Object }')).toMatch(
    /says too little; expected a field definition/,
  );
  expect(await problem('{ type: List, items: Strin }')).toMatch(/unknown type `Strin`/);
  const lacks = [
    ['List', /has no `items`; expected the name of a type, or a field definition/],
    ['Object', /has no `fields`; expected a mapping of names to field definitions/],
    ['reference', /has no `collectionR`; expected a collection such as /],
    ['Calculated', /has no `dependsOn`; expected the names of the fields/],
  ] as const;
  for (const [type, reported] of lacks)
    expect(await problem(`{ type: ${type} }`)).toMatch(reported);
  for (const [type, meant] of [
    ['int', 'Long'],
    ['Number', 'Double'],
    ['bool', 'Boolean'],
    ['Ref', 'reference'],
  ]) {
    expect(await problem(`{ type: ${type} }`)).toContain(`the nearest known one is \`${meant}\``);
  }
  expect(await problem('{ type: String, unique: "true" }')).toMatch(
    /`unique` is the text `true`; expected true or false/,
  );
  expect(await problem('{ type: String, index: yes }')).toMatch(
    /`index` is `yes`; expected true or false/,
  );
  expect(await problem('String')).toMatch(
    /field `f` is `String`; expected a mapping such as `\{ type: String \}`/,
  );
  expect(await problem('{ type: String, Type: Long }')).toMatch(
    /:3:22: the key `Type` is here a second time/,
  );
});

test('[LOD3] suggestions: a text as default, a name of a field that is broken itself', async () => {
  const yaml = thingYaml(
    '  name: { type: Strnig }\n  greeting: { type: String, default: hello there }\nfieldSets: { card: [nam] }',
  );
  const problems = await problemsOf({ 'a/model.yaml': yaml });
  expect(problems).toEqual([
    expect.stringContaining('unknown type `Strnig`'),
    expect.stringContaining(
      `expected a JavaScript expression, or a text in quotes of its own, such as '"two words"'`,
    ),
    expect.stringContaining('unknown field `nam` of this model; the nearest known one is `name`'),
  ]);
});

test('[CAL1] a calculated field says all that it needs', async () => {
  const problems = await problemsOf({ 'a/model.yaml': thingYaml('  f: { type: Calculated }') });
  expect(problems.map((problem) => problem.split(': ')[1])).toEqual([
    'field `f` has no `dependsOn`; expected the names of the fields that the value is worked out from',
    'field `f` has no `valueType`; expected `String`, `Boolean`, `Long`, `Double`, `Date`, `Json`, `Object` or `List`',
    'field `f` has no `value`; expected an expression over `this`, or a function of the fields in `dependsOn`',
  ]);
});

test('[RET1] retention is a number of revisions or an age', async () => {
  const retention = async (text: string) =>
    (await loaded({ 'a/model.yaml': `${sound}retention: ${text}\n` })).model('a').layout.retention;
  expect(await retention('{ history: 1 }')).toEqual({ history: 1 });
  expect(await retention('{ age: 90s }')).toEqual({ age: 90_000 });
  expect(await retention('{ age: 15m }')).toEqual({ age: 900_000 });
  expect(await retention('{ age: 12h }')).toEqual({ age: 43_200_000 });
  expect(await retention('{ age: 30d }')).toEqual({ age: 2_592_000_000 });
  for (const wrong of [
    '{ history: 0 }',
    '{ history: "7" }',
    '{ age: 30 }',
    '{ age: 5w }',
    '{}',
    '7',
    '{ history: 1, hist: 1 }',
  ]) {
    expect(
      await problemsOf({ 'a/model.yaml': `${sound}retention: ${wrong}\n` }),
      wrong,
    ).toHaveLength(1);
  }
  const { model } = await loaded(
    { 'a/model.yaml': sound },
    { limits: { depth: 64, list: 10, history: 70 } },
  );
  expect(model('a').layout.retention).toEqual({ history: 70 });
});

test('[IDX1] [IDX2] the layout names what gets an index, in embedded objects too', async () => {
  const { model } = await loaded({
    'a/model.yaml': thingYaml(
      '  email: { type: String, unique: true }\n  age: { type: Long, index: true }\n  pic: { type: Object, fields: { size: { type: Long, index: true }, url: { type: String } } }',
    ),
  });
  expect(model('a').layout.indexes).toEqual([
    { fields: ['email'], unique: true },
    { fields: ['age'], unique: false },
    { fields: ['pic.size'], unique: false },
  ]);
});

test('[LOD4] evolutions: none may be missing between two, and none leads beyond the version', async () => {
  const files = { 'a/model.yaml': 'version: 5\nfields: {}\n', 'a/evolution-2.js': 'return obj;' };
  expect(await problemsOf({ ...files, 'a/evolution-3.js': 'return obj;' })).toEqual([]);
  expect(await problemsOf({ ...files, 'a/evolution-4.js': 'return obj;' })).toEqual([
    'a/evolution-4.js:1:1: `evolution-3.js` is missing between this and `evolution-2.js`; expected every number between two evolutions',
  ]);
  expect(
    await problemsOf({
      ...files,
      'a/evolution-3.js': '',
      'a/evolution-4.js': '',
      'a/evolution-5.js': '',
      'a/evolution-6.js': '',
    }),
  ).toEqual([
    expect.stringMatching(
      /^a\/evolution-6\.js:1:1: leads to version 6, but the model is of version 5/,
    ),
  ]);
  expect(
    await problemsOf({ ...files, 'a/evolution-2.js': 'return obj', 'a/post-update.js': 'emit(' }),
  ).toEqual([expect.stringMatching(/^a\/post-update\.js:1:6: does not compile/)]);
  const { warnings } = await loaded({ ...files, 'a/post-create.js': 'emit("x", obj)' });
  expect(warnings).toEqual([]);
});

test('[LOD4] a suggestion is left out if it would mislead', async () => {
  const reported = async (field: string) =>
    (await problemsOf({ 'a/model.yaml': thingYaml(`  f: ${field}`) })).join('\n');
  for (const key of ['choices', '0', 'pattern', 'min', 'format', 'x']) {
    expect(await reported(`{ type: Long, ${key}: 1 }`), key).toMatch(
      new RegExp(`unknown key \`${key}\` in field \`f\`; expected one of \`type\`, `),
    );
  }
  for (const [slip, meant] of [
    ['requird', 'required'],
    ['req', 'required'],
    ['uniqe', 'unique'],
    ['tpye', 'type'],
    ['Indexed', 'index'],
  ]) {
    expect(await reported(`{ type: Long, ${slip}: 1 }`), slip).toContain(
      `the nearest known one is \`${meant}\`;`,
    );
  }
  expect(
    await problemsOf({ 'a/model.yaml': 'version: 1\nfields: {}\n', 'a/README.md': '' }),
  ).toEqual([expect.stringMatching(/unknown file beside `model\.yaml`; expected `model\.yaml`, /)]);
});

test('[REF1] [LOD4] a collection whose parent was left out is nearer than one that looks like it', async () => {
  const files = Object.fromEntries(
    ['users', 'projects', 'projects/tasks'].map((key) => [
      `${key}/model.yaml`,
      thingYaml('  n: { type: Long }'),
    ]),
  );
  const link = thingYaml('  t: { type: reference, collectionR: /tasks, fields: [n] }');
  expect(await problemsOf({ ...files, 'links/model.yaml': link })).toEqual([
    expect.stringContaining(
      'there is no collection `/tasks`; the nearest known one is `/projects/*/tasks`; ',
    ),
  ]);
});
