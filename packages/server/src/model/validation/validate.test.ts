import type { JsonObject, JsonValue } from '@really/protocol';
import { expect, test } from 'vitest';
import type { Model } from '../model.js';
import { testNow, thing } from '../models.fixture.js';
import { checkUpdate, prepareCreate } from './validate.js';

function create(model: Model, body: JsonObject) {
  return prepareCreate(model, body, { now: testNow });
}

/** Whether a value is taken by a field `f` of this definition, and what is stored; else the errors. */
async function taken(definition: string, values: readonly JsonValue[]): Promise<unknown[]> {
  const { thing: model } = await thing(`  f: ${definition}`);
  const results: unknown[] = [];
  for (const value of values) {
    const { data, errors } = await create(model, { f: value });
    results.push(Object.keys(errors).length > 0 ? errors : data.f);
  }
  return results;
}

const invalid = { f: ['type.invalid'] };

test('[FLD1] String and Boolean hold what they say', async () => {
  expect(await taken('{ type: String }', ['', 'a\u0000b', '😀', 1, true, [], {}])).toEqual([
    '',
    'a\u0000b',
    '😀',
    invalid,
    invalid,
    invalid,
    invalid,
  ]);
  expect(await taken('{ type: Boolean }', [true, false, 'true', 0, 1])).toEqual([
    true,
    false,
    invalid,
    invalid,
    invalid,
  ]);
});

test('[FLD2] Long holds whole numbers, and Double finite ones', async () => {
  const edge = Number.MAX_SAFE_INTEGER;
  expect(
    await taken('{ type: Long }', [
      0,
      -0,
      5,
      edge,
      -edge,
      edge + 1,
      -edge - 1,
      1.5,
      1e300,
      '5',
      true,
      Number.NaN,
    ]),
  ).toEqual([0, 0, 5, edge, -edge, ...Array(7).fill(invalid)]);
  expect(
    await taken('{ type: Double }', [
      0,
      -1.5,
      1e308,
      5e-324,
      Number.POSITIVE_INFINITY,
      Number.NaN,
      '1.5',
    ]),
  ).toEqual([0, -1.5, 1e308, 5e-324, invalid, invalid, invalid]);
  const { thing: model } = await thing('  f: { type: Long }\n  g: { type: Double }');
  const { data } = await create(model, { f: -0, g: -0 });
  expect(Object.is(data.f, 0) && Object.is(data.g, 0)).toBe(true);
});

test('[FLD3] Date holds an instant, in UTC', async () => {
  expect(
    await taken('{ type: Date }', [
      '2024-01-01T00:00:00+02:00',
      '2024-02-30T00:00:00Z',
      1704067200000,
      'x',
    ]),
  ).toEqual(['2023-12-31T22:00:00.000Z', invalid, invalid, invalid]);
});

test('[FLD4] [FLD7] Object validates its own fields, at any depth, under their paths', async () => {
  const { thing: model } = await thing(
    '  pic: { type: Object, fields: { huge: { type: String }, size: { type: Object, fields: { w: { type: Long, required: true }, when: { type: Date } } } } }',
  );
  expect(
    await create(model, { pic: { huge: 'x', size: { w: 1, when: '2024-01-01T00:00Z' } } }),
  ).toEqual({
    data: { pic: { huge: 'x', size: { w: 1, when: '2024-01-01T00:00:00.000Z' } } },
    errors: {},
  });
  expect((await create(model, { pic: { huge: 1, nope: 2, size: { h: 1 } } })).errors).toEqual({
    'pic.huge': ['type.invalid'],
    'pic.nope': ['field.unknown'],
    'pic.size.h': ['field.unknown'],
    'pic.size.w': ['value.required'],
  });
  for (const wrong of ['x', 1, [], true]) {
    expect((await create(model, { pic: wrong })).errors, String(wrong)).toEqual({
      pic: ['type.invalid'],
    });
  }
  expect(await create(model, { pic: { huge: null, size: null } })).toEqual({
    data: { pic: {} },
    errors: {},
  });
  expect((await create(model, {})).errors).toEqual({});
});

test('[FLD5] [FLD7] List validates its items, under their indices', async () => {
  expect(
    await taken('{ type: List, items: String }', [[], ['a', 'b'], ['a', 1, null], 'a', { 0: 'a' }]),
  ).toEqual([
    [],
    ['a', 'b'],
    { 'f[1]': ['type.invalid'], 'f[2]': ['type.invalid'] },
    invalid,
    invalid,
  ]);
  expect(
    await taken('{ type: List, items: { type: List, items: Date } }', [
      [['2024-01-01T00:00Z'], []],
      [['x']],
    ]),
  ).toEqual([[['2024-01-01T00:00:00.000Z'], []], { 'f[0][0]': ['type.invalid'] }]);
  expect(
    await taken(
      '{ type: List, items: { type: Object, fields: { n: { type: Long, required: true } } } }',
      [[{ n: 1 }], [{}, { n: 'x' }]],
    ),
  ).toEqual([[{ n: 1 }], { 'f[0].n': ['value.required'], 'f[1].n': ['type.invalid'] }]);
  expect(
    await taken('{ type: List, items: { type: reference, collectionR: /things } }', [
      ['/things/1/'],
      ['/things'],
    ]),
  ).toEqual([['/things/1'], { 'f[0]': ['reference.invalid'] }]);
});

test('[FLD5] a list beyond its limit is refused, whatever it holds', async () => {
  const { thing: model } = await thing('  f: { type: List, items: String, default: "[]" }');
  expect((await create(model, { f: Array(10_000).fill('x') })).errors).toEqual({});
  expect((await create(model, { f: Array(10_001).fill('x') })).errors).toEqual(invalid);
});

test('[FLD6] Json holds anything, down to the bound of levels', async () => {
  const nested = (levels: number): JsonValue => JSON.parse('['.repeat(levels) + ']'.repeat(levels));
  const own = JSON.parse('{"__proto__": {"x": 1}, "a": null}');
  expect(await taken('{ type: Json }', [1, 'x', [null], own, nested(64), nested(65)])).toEqual([
    1,
    'x',
    [null],
    own,
    nested(64),
    invalid,
  ]);
});

test('[NUM1] [NUM2] numbers in Json are finite, and whole ones are exact', async () => {
  const edge = Number.MAX_SAFE_INTEGER;
  const kept = [1.5, edge, { a: [-edge, 1e-300] }];
  const values = [...kept, 1e300, edge + 1, { a: [0, -edge - 1] }, [Number.POSITIVE_INFINITY]];
  expect(await taken('{ type: Json }', values)).toEqual([...kept, ...Array(4).fill(invalid)]);
});

test('[NUM1] [NUM2] a default that is not such a number is refused as a default', async () => {
  const wrong = ['9007199254740991 + 1', '1 / 0'];
  for (const value of wrong) {
    const { thing: model } = await thing(`  f: { type: Json, default: ${JSON.stringify(value)} }`);
    const { errors } = await create(model, {});
    expect([value, errors]).toEqual([value, { f: ['field.default.invalid_return_type'] }]);
  }
});

test('[REF1] a reference is the R of an object of its collection, printed', async () => {
  const wrong = { f: ['reference.invalid'] };
  const values = [
    '/things/1',
    '/things/1/',
    '/things',
    '/things/*',
    '/others/1',
    '/things/1/things/2',
    'x',
    '',
    1,
    { value: '/things/1' },
    ['/things/1'],
    true,
  ];
  expect(await taken('{ type: reference, collectionR: /things }', values)).toEqual([
    '/things/1',
    '/things/1',
    ...Array(10).fill(wrong),
  ]);
});

test('[LIM21] with more unknown fields than a response names nothing else is checked', async () => {
  const { thing: model } = await thing('  f: { type: String, required: true }');
  const members = Array.from({ length: 2000 }, (_, n) => [`m${n}`, 0]);
  const { errors } = await create(model, Object.fromEntries(members));
  expect(Object.keys(errors)).toHaveLength(1000);
  expect(errors).not.toHaveProperty('f');
});

test('[FLD7] unknown fields and names of the system are refused, and set no prototype', async () => {
  const { thing: model } = await thing(
    '  f: { type: String }\n  o: { type: Object, fields: { x: { type: Long } } }',
  );
  const body = JSON.parse(
    '{"f":"x","g":null,"_r":"/things/1","_rev":null,"constructor":1,"__proto__":{"f":"y"},"o":{"__proto__":{"x":1}}}',
  );
  const { data, errors } = await create(model, body);
  const unknown = ['field.unknown'];
  expect(Object.entries(errors)).toEqual([
    ['o.__proto__', unknown],
    ['g', unknown],
    ['_r', unknown],
    ['_rev', unknown],
    ['constructor', unknown],
    ['__proto__', unknown],
  ]);
  expect(Object.getPrototypeOf(data)).toBe(Object.prototype);
  expect(Object.getPrototypeOf(data.o)).toBe(Object.prototype);
  expect(({} as JsonObject).x).toBeUndefined();
});

test('[CAL3] a calculated field is not for clients', async () => {
  const { thing: model } = await thing(
    '  a: { type: Long }\n  b: { type: Calculated, valueType: Long, dependsOn: a, value: this.a }',
  );
  expect((await create(model, { a: 1, b: 1 })).errors).toEqual({ b: ['field.calculated'] });
  expect(await create(model, { a: 1, b: null })).toEqual({ data: { a: 1 }, errors: {} });
  expect((await checkUpdate(model, {}, { b: 2 }, ['b'])).errors).toEqual({
    b: ['field.calculated'],
  });
});

test('[VAL1] required, by itself or by an expression', async () => {
  const { thing: model } = await thing(
    ['true', 'false', '"true"', '1 < 2', 'null == 1', '"[1].includes(1)"', 'nope.x']
      .map((required, index) => `  f${index}: { type: String, required: ${required} }`)
      .join('\n'),
  );
  expect((await create(model, { f2: null })).errors).toEqual({
    f0: ['value.required'],
    f2: ['value.required'],
    f3: ['value.required'],
    f5: ['value.required'],
    f6: ['validation.custom.runtime_error'],
  });
  expect((await create(model, { f0: '', f2: '', f3: '', f5: '', f6: '' })).errors).toEqual({});
});

test('[VAL2] [VAL5] defaults of every form, for what is absent or null', async () => {
  const { thing: model } = await thing(
    [
      '  quoted: { type: String, default: \'"en"\' }',
      '  word: { type: String, default: en }',
      '  two: { type: String, default: en-US }',
      '  reserved: { type: String, default: new }',
      '  now: { type: Date, default: now() }',
      '  yes: { type: Boolean, default: true }',
      '  five: { type: Long, default: 5 }',
      '  list: { type: List, items: Long, default: [1, 2] }',
      '  json: { type: Json, default: { a: [x] } }',
      '  sum: { type: Long, default: 2 + 3 }',
      '  far: { type: Long, default: "[1, 2].indexOf(2)" }',
      '  when: { type: Date, default: "\'2024-01-01T00:00:00+01:00\'" }',
      '  none: { type: String, default: undefined }',
      '  obj: { type: Object, fields: { a: { type: Long, default: 1 }, b: { type: String, default: "[\'b\'].join()" } } }',
      '  objs: { type: List, items: { type: Object, fields: { a: { type: Long, default: 1 } } } }',
    ].join('\n'),
  );
  const { data, errors } = await create(model, { word: null, obj: {}, objs: [{}, { a: 2 }] });
  expect(errors).toEqual({});
  expect(data).toEqual({
    quoted: 'en',
    word: 'en',
    two: 'en-US',
    reserved: 'new',
    now: new Date(testNow).toISOString(),
    yes: true,
    five: 5,
    list: [1, 2],
    json: { a: ['x'] },
    sum: 5,
    far: 1,
    when: '2023-12-31T23:00:00.000Z',
    obj: { a: 1, b: 'b' },
    objs: [{ a: 1 }, { a: 2 }],
  });
  expect(Object.keys(data).slice(0, 3)).toEqual(['quoted', 'word', 'two']);
  const other = await create(model, { word: 'de', five: 0, yes: false, obj: { a: 0, b: '' } });
  expect(other.data).toMatchObject({ word: 'de', five: 0, yes: false, obj: { a: 0, b: '' } });
  const third = await create(model, {});
  expect(third.data.obj).toBeUndefined();
  expect(third.data.json).not.toBe(data.json);
});

test('[VAL2] [VAL5] a default of another type, or one that throws, is an error of its own', async () => {
  const { thing: model, failures } = await thing(
    [
      '  a: { type: Long, default: "\'x\'", required: true }',
      '  b: { type: Long, default: 1.5 }',
      '  c: { type: Date, default: today }',
      '  d: { type: String, default: nope.x }',
      '  e: { type: Object, fields: { f: { type: Long, default: "[1].join()" } } }',
      '  g: { type: List, items: Long, default: [1, x] }',
    ].join('\n'),
  );
  const wrong = ['field.default.invalid_return_type'];
  expect((await create(model, { e: {} })).errors).toEqual({
    a: wrong,
    b: wrong,
    c: wrong,
    d: wrong,
    'e.f': wrong,
    g: wrong,
  });
  expect(failures.map(({ result }) => result.kind)).toEqual(['threw']);
  expect(
    (await create(model, { a: 1, b: 1, c: '2024-01-01T00:00Z', d: 'x', g: [] })).errors,
  ).toEqual({});
});

test('[VAL2] a default is validated as any other value', async () => {
  const { thing: model } = await thing(
    '  age: { type: Long, default: 3, validation: value >= 18 }',
  );
  expect((await create(model, {})).errors).toEqual({ age: ['validation.custom.failed'] });
});

test('[VAL3] validation sees the value under both names, and has three ways to fail', async () => {
  const { thing: model } = await thing(
    [
      '  age: { type: Long, validation: value >= 18 && age < 200 && value === age }',
      '  a: { type: String, validation: value.x.y }',
      '  b: { type: String, validation: "1" }',
      '  c: { type: String, validation: "undefined" }',
      '  d: { type: String, validation: "value.startsWith(\'x\')" }',
      '  e: { type: String, validation: "(() => { throw 1; })()" }',
      '  f: { type: Json, validation: value }',
      '  my-name: { type: Long, validation: value > 1 }',
      '  class: { type: Long, validation: value > 1 }',
    ].join('\n'),
  );
  const error = (code: string) => [`validation.custom.${code}`];
  expect(
    (
      await create(model, {
        age: 17,
        a: 'x',
        b: 'x',
        c: 'x',
        d: 'y',
        e: 'x',
        f: 1,
        'my-name': 1,
        class: 1,
      })
    ).errors,
  ).toEqual({
    age: error('failed'),
    a: error('runtime_error'),
    b: error('invalid_return_type'),
    c: error('invalid_return_type'),
    d: error('failed'),
    e: error('runtime_error'),
    f: error('invalid_return_type'),
    'my-name': error('failed'),
    class: error('failed'),
  });
  expect(
    (await create(model, { age: 18, d: 'xy', f: true, 'my-name': 2, class: 2 })).errors,
  ).toEqual({});
});

test('[VAL3] validation inside of objects and lists, of values as they are stored', async () => {
  const { thing: model } = await thing(
    [
      '  o: { type: Object, fields: { n: { type: Long, validation: n > 1 } }, validation: value.n < 9 }',
      '  l: { type: List, items: { type: Date, validation: \'value.slice(-1) == "Z"\' } }',
    ].join('\n'),
  );
  expect((await create(model, { o: { n: 1 }, l: ['2024-01-01T00:00+01:00'] })).errors).toEqual({
    'o.n': ['validation.custom.failed'],
  });
  expect((await create(model, { o: { n: 9 } })).errors).toEqual({
    o: ['validation.custom.failed'],
  });
});

test('[VAL3] [HOK8] a validation, default or required that is stopped makes the command fail', async () => {
  for (const key of ['validation', 'required', 'default']) {
    const { thing: model, failures } = await thing(
      `  f: { type: String, ${key}: "(() => { for (;;); })()" }`,
    );
    await expect(create(model, key === 'validation' ? { f: 'x' } : {}), key).rejects.toMatchObject({
      code: 500,
      message: 'internal.server.error',
    });
    expect(failures).toMatchObject([
      {
        where: expect.stringMatching(/things\/model\.yaml:3:\d+$/),
        result: { kind: 'stopped', reason: 'time' },
      },
    ]);
  }
});

test('[VAL4] all fields are validated, and all errors are reported together', async () => {
  const { thing: model } = await thing(
    '  a: { type: String, required: true }\n  b: { type: Long }\n  c: { type: Long, validation: value > 5 }\n  d: { type: Calculated, valueType: Long, dependsOn: b, value: "1" }\n  e: { type: reference, collectionR: /things }',
  );
  expect((await create(model, { b: 'x', c: 1, d: 1, e: 'x', f: 1 })).errors).toEqual({
    a: ['value.required'],
    b: ['type.invalid'],
    c: ['validation.custom.failed'],
    d: ['field.calculated'],
    e: ['reference.invalid'],
    f: ['field.unknown'],
  });
});

test('[VAL4] an update validates its touched fields as a whole', async () => {
  const { thing: model } = await thing(
    '  a: { type: String, required: true }\n  b: { type: Date, validation: value > "2000" }\n  c: { type: Object, fields: { n: { type: Long, required: true }, d: { type: Long, default: 7 } } }\n  e: { type: Long, default: 3 }',
  );
  const before = { a: 'x', e: 1 };
  const after = { b: '2024-01-01T00:00+01:00', c: { n: 1 }, e: 1 };
  expect(await checkUpdate(model, before, after, ['b', 'c'])).toEqual({
    data: { b: '2023-12-31T23:00:00.000Z', c: { n: 1 }, e: 1 },
    errors: {},
  });
  expect(after).toEqual({ b: '2024-01-01T00:00+01:00', c: { n: 1 }, e: 1 });
  const { errors } = await checkUpdate(model, before, { b: '1999-01-01T00:00Z', c: {}, x: 1 }, [
    'a',
    'b',
    'c',
    'x',
    '_r',
    '__proto__',
  ]);
  expect(Object.entries(errors)).toEqual([
    ['a', ['value.required']],
    ['c.n', ['value.required']],
    ['x', ['field.unknown']],
    ['_r', ['field.unknown']],
    ['__proto__', ['field.unknown']],
    ['b', ['validation.custom.failed']],
  ]);
  expect(
    await checkUpdate(model, { a: 'x', e: 1 }, { a: 'x', e: null, c: { n: 1, d: null } }, [
      'e',
      'c',
    ]),
  ).toEqual({
    data: { a: 'x', c: { n: 1 } },
    errors: {},
  });
});

test('[FLD5] [FLD7] long lists and wide objects take time in proportion, and errors have a bound', async () => {
  const { thing: model } = await thing(
    '  l: { type: List, items: { type: List, items: { type: Long, validation: value > 0 } } }\n  o: { type: Object, fields: { x: { type: Long } } }',
  );
  const wide = Object.fromEntries(
    Array.from({ length: 50_000 }, (_, index) => [`k${index}`, index]),
  );
  const before = process.cpuUsage();
  const good = await create(model, { l: Array(50).fill(Array(10_000).fill(1)) });
  const bad = await create(model, { l: Array(50).fill(Array(10_000).fill('x')), o: wide });
  expect(good.errors).toEqual({});
  expect(Object.keys(bad.errors)).toHaveLength(1000);
  // Of the processor, for the machine may be busy.
  expect(process.cpuUsage(before).user).toBeLessThan(10_000_000);
});

test('[FAC2] a value that is not in the enum is refused, at any depth', async () => {
  const { thing: model } = await thing(
    [
      '  role: { type: String, enum: [owner, reader], default: reader }',
      '  level: { type: Long, enum: [1, 2, 3] }',
      '  tags: { type: List, items: String, enum: [a, b] }',
      '  sizes: { type: List, items: { type: Long, enum: [10, 20] } }',
      '  inner: { type: Object, fields: { role: { type: String, enum: [x] } } }',
    ].join('\n'),
  );
  const stored = await create(model, { level: 2, tags: ['b', 'a', 'b'], inner: { role: 'x' } });
  expect(stored.errors).toEqual({});
  expect(stored.data.role).toBe('reader');
  const body = { role: 'Owner', level: 4, tags: ['a', 'c'], sizes: [10, 11], inner: { role: '' } };
  const outside = ['value.not.in.enum'];
  expect((await create(model, body)).errors).toEqual({
    role: outside,
    level: outside,
    'tags[1]': outside,
    'sizes[1]': outside,
    'inner.role': outside,
  });
  // Of another type it is that first.
  expect((await create(model, { level: '1' })).errors).toEqual({ level: ['type.invalid'] });
});

test('[FAC2] an update checks the fields that it touches: what is stored otherwise may stay', async () => {
  const { thing: model } = await thing('  role: { type: String, enum: [a] }\n  n: { type: Long }');
  const before = { role: 'gone', n: 1 };
  const other = await checkUpdate(model, before, { role: 'gone', n: 2 }, ['n']);
  expect(other).toEqual({ data: { role: 'gone', n: 2 }, errors: {} });
  const same = await checkUpdate(model, before, { ...before }, ['role']);
  expect(same.errors).toEqual({ role: ['value.not.in.enum'] });
});
