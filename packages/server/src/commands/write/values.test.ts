import type { Auth, JsonObject, JsonValue } from '@really/protocol';
import { describe, expect, test } from 'vitest';
import { silentLog } from '../../platform/log.js';
import type { Platform } from '../../platform/platform.js';
import { Scratch } from '../../store/sqlite/scratch.fixture.js';
import { openSqliteStore } from '../../store/sqlite/store.js';
import { type TestApp, testApp } from '../test-app.fixture.js';

const amal: Auth = { uid: 'amal' };

const models = {
  others: 'version: 1\nfields: { s: { type: String } }\naccess: { create: true, read: true }\n',
  things: `
version: 1
fields:
  n:     { type: Long }
  d:     { type: Double }
  j:     { type: Json }
  s:     { type: String }
  ns:    { type: List, items: Long }
  ds:    { type: List, items: Double }
  at:    { type: Date, unique: true }
  ats:   { type: List, items: Date }
  grid:  { type: List, items: { type: List, items: Date } }
  ref:   { type: reference, collectionR: /others }
  refs:  { type: List, items: { type: reference, collectionR: /others } }
  box:   { type: Object, fields: { n: { type: Long }, at: { type: Date }, ref: { type: reference, collectionR: /others } } }
  boxes: { type: List, items: { type: Object, fields: { n: { type: Long }, at: { type: Date } } } }
  big:   { type: Calculated, valueType: Json, dependsOn: s, value: 's == "big" ? 9007199254740992 : s' }
  when:  { type: Calculated, valueType: Date, dependsOn: at, value: this.at }
  calc:  { type: Calculated, valueType: Long, dependsOn: n, value: this.n }
  words: { type: Calculated, valueType: List, dependsOn: ns, value: this.ns }
access: { create: true, read: true, update: true, delete: true }
`,
};

const open = () => testApp({ models });

const scratch = Scratch.each();
const sqlite = (platform: Platform) =>
  openSqliteStore({ file: scratch.file() }, platform, silentLog);

/** The response to a message with this text. */
const sendText = (app: TestApp, text: string) => app.sendText(amal, text.replace('{', '{"tag":1,'));

const create = (app: TestApp, r: string, body: JsonObject) =>
  app.send(amal, { cmd: 'create', r, body });

const update = (app: TestApp, rev: number, ...ops: JsonObject[]) =>
  app.send(amal, { cmd: 'update', r: '/things/1', rev, body: { ops } });

async function stored(app: TestApp): Promise<JsonObject> {
  const { body } = await app.send(amal, { cmd: 'get', r: '/things/1' });
  return body as JsonObject;
}

const invalid = (path: string, code = 'type.invalid') => ({
  code: 409,
  message: 'validation.failed',
  errors: { [path]: [code] },
});

const beyond = 'a whole number beyond ±(2^53 - 1) is not kept exactly';

describe('numbers that cannot be stored exactly', () => {
  test.each([
    ['"j":1e400', 'j'],
    ['"j":{"a":[1,-1e400]}', 'j'],
    ['"j":9007199254740993', 'j'],
    ['"j":[{"a":-9007199254740992}]', 'j'],
    ['"j":1e20', 'j'],
    ['"d":1e400', 'd'],
    ['"n":1e400', 'n'],
    ['"n":9007199254740993', 'n'],
    ['"n":9007199254740990.9', 'n'],
    ['"n":0.99999999999999999999', 'n'],
    ['"n":1e-400', 'n'],
    ['"ns":[1,9007199254740990.9]', 'ns[1]'],
    ['"box":{"n":9007199254740990.9}', 'box.n'],
    ['"boxes":[{},{"n":9007199254740990.9}]', 'boxes[1].n'],
  ])('[NUM1] [NUM2] a create with %s is refused', async (member, path) => {
    const app = await open();
    const text = `{"cmd":"create","r":"/things/1","traceId":null,"body":{"s":"x",${member}}}`;
    expect((await sendText(app, text)).error).toEqual(invalid(path));
    const batched = `{"cmd":"batch","body":{"commands":[${text}]}}`;
    expect((await sendText(app, batched)).error).toMatchObject({
      message: 'validation.failed',
      errors: { [`commands[0].${path}`]: ['type.invalid'] },
    });
  });

  test.each([
    ['{"op":"set","key":"j","value":1e400}', 'j'],
    ['{"op":"set","key":"j.a.b","value":[1e400]}', 'j'],
    ['{"op":"push","key":"j.list","value":9007199254740993}', 'j'],
    ['{"op":"insertAt","key":"j.list","value":1e400,"opArgs":{"index":0}}', 'j'],
    ['{"op":"addNumber","key":"j.n","value":9007199254740991}', 'j.n'],
    ['{"op":"set","key":"n","value":9007199254740990.9}', 'n'],
    ['{"op":"addNumber","key":"n","value":9007199254740991}', 'n'],
    ['{"op":"addNumber","key":"n","value":1e400}', 'n'],
    ['{"op":"addNumber","key":"n","value":9007199254740980.9}', 'n'],
    ['{"op":"addNumber","key":"n","value":0.5}', 'n'],
    [
      '{"op":"addNumber","key":"n","value":9007199254740991},{"op":"addNumber","key":"n","value":-9007199254740991}',
      'n',
    ],
    ['{"op":"push","key":"ns","value":9007199254740990.9,"opArgs":null}', 'ns'],
    ['{"op":"push","key":"ns","value":[1,9007199254740990.9]}', 'ns'],
    ['{"op":"pull","key":"ns","value":9007199254740990.9}', 'ns'],
    ['{"op":"pull","key":"ns","value":1e400}', 'ns'],
    ['{"op":"pull","key":"ns","value":[1,9007199254740993]}', 'ns'],
    ['{"op":"pull","key":"j.list","value":[{"a":-1e400}]}', 'j.list'],
    ['{"op":"pull","key":"ds","value":1e400}', 'ds'],
    ['{"op":"set","key":"j.a","value":1e400},{"op":"set","key":"j","value":1}', 'j.a'],
    ['{"op":"set","key":"d","value":1e400},{"op":"set","key":"d","value":null}', 'd'],
    ['{"op":"addToSet","key":"ns","value":[1,9007199254740993]}', 'ns[2]'],
    ['{"op":"insertAt","key":"ns","value":9007199254740990.9,"opArgs":{"index":0}}', 'ns'],
    ['{"op":"set","key":"ns[0]","value":9007199254740990.9}', 'ns[0]'],
    ['{"op":"set","key":"box","value":{"n":9007199254740990.9}}', 'box'],
  ])('[NUM1] [NUM2] [UPD10] an update with %s is refused', async (ops, path) => {
    const app = await open();
    const before = { n: 2, ns: [9007199254740991, 1], j: { n: 2, list: [1] } };
    await create(app, '/things/1', before);
    const text = `{"cmd":"update","r":"/things/1","rev":1,"body":{"ops":[${ops}]}}`;
    expect((await sendText(app, text)).error).toEqual(invalid(path));
    expect(await stored(app)).toMatchObject({ ...before, _rev: 1 });
  });

  test('[NUM1] a sum that overflows is refused', async () => {
    const app = await open();
    await create(app, '/things/1', { d: 1e308 });
    const answer = await update(app, 1, { op: 'addNumber', key: 'd', value: 1e308 });
    expect(answer.error).toEqual(invalid('d', 'error.value.should.be.number'));
  });

  test('[NUM2] a number that can be stored is accepted unchanged', async () => {
    const app = await open();
    const text = `{"cmd":"create","r":"/things/1","body":{"n":9007199254740991.0,"d":1e300,
      "j":{"a":9007199254740991,"b":0.1234567890123456789,"c":-0},"ns":[1.50e1],"box":{"n":-0.0}}}`;
    expect((await sendText(app, text)).error).toBeUndefined();
    const body = await stored(app);
    expect(body).toMatchObject({ n: 9007199254740991, d: 1e300, ns: [15] });
    const { a, b, c } = body.j as { a: number; b: number; c: number };
    expect([a, b, c]).toEqual([9007199254740991, 0.12345678901234568, 0]);
    const more = await update(app, 1, { op: 'addNumber', key: 'd', value: 2 ** 53 });
    expect(more.error).toBeUndefined();
    const second = '{"cmd":"create","r":"/things/2","body":{"d":0.99999999999999999999}}';
    expect((await sendText(app, second)).error).toBeUndefined();
  });

  test('[NUM2] Json has no -0, so that rules see the same after a restart', async () => {
    const app = await open();
    await create(app, '/things/1', { j: { a: [-0, 1], b: -0 } });
    const [head] = await app.services.objects.heads(['/things/1']);
    const { a = [], b } = (head?.data.j ?? {}) as { a?: number[]; b?: number };
    expect([Object.is(a[0], 0), Object.is(b, 0), a[1]]).toEqual([true, true, 1]);
  });

  test('[NUM2] a large number already in a Json field does not block changes to its other parts', async () => {
    const app = await open();
    await create(app, '/things/1', { j: { id: 1, a: 1 } });
    const [head] = await app.services.objects.heads(['/things/1']);
    // As an earlier version of the server accepted it.
    if (head) (head.data.j as JsonObject).id = 2 ** 60;
    expect((await update(app, 1, { op: 'set', key: 'j.a', value: 2 })).error).toBeUndefined();
    expect((await update(app, 2, { op: 'addNumber', key: 'j.id', value: 1 })).error).toEqual(
      invalid('j.id'),
    );
    expect((await update(app, 2, { op: 'set', key: 'j.b', value: 2 ** 61 })).error).toEqual(
      invalid('j'),
    );
  });

  test('[NUM2] a calculated value that is too large stays unset', async () => {
    const app = await open();
    const { body } = await create(app, '/things/1', { s: 'big' });
    expect(body).not.toHaveProperty('big');
  });

  test.each([
    ['{"x":1e400}', 'n < $x', '$x is a number that is too large at position 5'],
    ['{"x":[1,-1e400]}', 'n in $x', '$x[1] is a number that is too large at position 6'],
    ['{"x":{"a":1e400}}', 'j = $x', '$x.a is a number that is too large at position 5'],
    ['{"x":9007199254740990.9}', 'n = $x', '$x has a number that would be rounded at position 5'],
    [
      '{"x":[0.99999999999999999999]}',
      'n in $x',
      '$x has a number that would be rounded at position 6',
    ],
    ['{}', 'n = 1e400', 'a number that is too large at position 5'],
    ...['n = $x', 'd < $x', 'j = $x', 'j.a > $x', 's != $x', '_rev = $x', 'calc = $x'].map(
      (filter): [string, string, string] => [
        '{"x":9007199254740993}',
        filter,
        `$x has a number that would be rounded at position ${filter.indexOf('$') + 1}`,
      ],
    ),
    ...['n in $x', 'd between $x', 'ns contains $x', 'ds = $x'].map(
      (filter): [string, string, string] => [
        '{"x":[1,-9223372036854775807]}',
        filter,
        `$x has a number that would be rounded at position ${filter.indexOf('$') + 1}`,
      ],
    ),
    ['{}', 'd = 9007199254740993', 'a number that would be rounded at position 5'],
    ['{"x":9007199254740992}', 'n = $x', `$x: ${beyond} at position 5`],
    ['{"x":[1e20]}', 'j in $x', `$x: ${beyond} at position 6`],
    ['{"x":{"a":[1e20]}}', 'j = $x', `$x: ${beyond} at position 5`],
    ['{"x":-1e20}', 'ns contains $x', `$x: ${beyond} at position 13`],
    ['{"x":-1e20}', 'j contains $x', `$x: ${beyond} at position 12`],
    ['{}', 'j.a < 9007199254740992', `${beyond} at position 7`],
    ['{}', '_rev < 1e20', `${beyond} at position 8`],
    ['{}', 'calc < 1e20', `${beyond} at position 8`],
  ])('[NUM1] [NUM3] the values %s of %s are refused', async (values, filter, problem) => {
    const app = await open();
    for (const cmd of ['read', 'count']) {
      const query = `{"filter":${JSON.stringify(filter)},"values":${values}}`;
      const text = `{"cmd":"${cmd}","r":"/things","cmdOpts":{"query":${query}}}`;
      expect((await sendText(app, text)).error).toEqual({
        code: 409,
        message: 'query.invalid',
        errors: { 'cmdOpts.query.filter': [problem] },
      });
    }
  });
});

test.each([
  ['d = $x', '9007199254740992'],
  ['d = $x', '9007199254740992.0'],
  ['d in $x', '[1, 9.007199254740992E15]'],
  ['d between $x', '[0.1234567890123456789, 1e300]'],
  ['d < $x', '99999999999999991611392'],
  ['ds contains $x', '1e23'],
  ['ds = $x', '[1e23]'],
  ['d <= 9007199254740992', '0'],
])('[NUM3] values of a Double are found: %s, %s', async (filter, x) => {
  const app = await open();
  await create(app, '/things/1', { d: 2 ** 53, ds: [1e23] });
  const query = `{"filter":"${filter}","values":{"x":${x}}}`;
  const text = `{"cmd":"count","r":"/things","cmdOpts":{"query":${query}}}`;
  expect((await sendText(app, text)).body).toEqual({ totalResults: 1 });
});

test('[NUM2] a Double rounds as doubles do, also where it is pulled', async () => {
  const app = await open();
  const created =
    '{"cmd":"create","r":"/things/1","body":{"d":9007199254740993,"ds":[9007199254740993,0.5]}}';
  expect((await sendText(app, created)).error).toBeUndefined();
  const ops =
    '[{"op":"pull","key":"ds","value":9007199254740993},{"op":"set","key":"d","value":9007199254740993}]';
  const updated = `{"cmd":"update","r":"/things/1","rev":1,"body":{"ops":${ops}}}`;
  expect((await sendText(app, updated)).error).toBeUndefined();
  expect(await stored(app)).toMatchObject({ d: 2 ** 53, ds: [0.5] });
});

const utc = '2024-01-01T00:00:00.000Z';
const abroad = '2024-01-01T02:00:00+02:00';
const later = '2024-01-01T01:00:00.000Z';

describe('[FORM1] other spellings of a value', () => {
  const full = {
    at: abroad,
    ats: [abroad],
    grid: [[abroad]],
    ref: '/others/o1/',
    refs: ['/others/o1/'],
    box: { at: abroad, ref: '/others/o1/', n: null },
    boxes: [{ at: abroad, n: null }],
  };

  async function filled(options: Parameters<typeof testApp>[0] = { models }): Promise<TestApp> {
    const app = await testApp(options);
    await create(app, '/others/o1', {});
    await create(app, '/others/o2', {});
    expect((await create(app, '/things/1', full)).error).toBeUndefined();
    return app;
  }

  test.each<[JsonObject, string, JsonValue]>([
    [{ op: 'addToSet', key: 'ats', value: abroad }, 'ats', [utc]],
    [{ op: 'addToSet', key: 'ats', value: [abroad, '2024-01-01T01:00Z'] }, 'ats', [utc, later]],
    [{ op: 'addToSet', key: 'ats', value: [later, '2024-01-01T02:00+01'] }, 'ats', [utc, later]],
    [{ op: 'push', key: 'ats', value: abroad }, 'ats', [utc, utc]],
    [{ op: 'insertAt', key: 'ats', value: abroad, opArgs: { index: 1 } }, 'ats', [utc, utc]],
    [{ op: 'set', key: 'ats[0]', value: '2024-01-01T03:00:00+02:00' }, 'ats', [later]],
    [{ op: 'pull', key: 'ats', value: abroad }, 'ats', []],
    [{ op: 'pull', key: 'ats', value: [abroad, later] }, 'ats', []],
    [{ op: 'addToSet', key: 'grid', value: [[abroad]] }, 'grid', [[utc]]],
    [{ op: 'pull', key: 'grid', value: [[abroad]] }, 'grid', []],
    [{ op: 'pull', key: 'grid', value: [abroad] }, 'grid', []],
    [{ op: 'addToSet', key: 'boxes', value: { at: abroad } }, 'boxes', [{ at: utc }]],
    [{ op: 'addToSet', key: 'boxes', value: { n: null, at: utc } }, 'boxes', [{ at: utc }]],
    [{ op: 'pull', key: 'boxes', value: { at: abroad, n: null } }, 'boxes', []],
  ])('%j', async (op, field, expected) => {
    const app = await filled();
    const connection = app.connect(amal);
    await connection.send({
      cmd: 'subscribe',
      body: { subscriptions: [{ r: '/things/1', rev: 1 }] },
    });
    expect((await update(app, 1, op)).error).toBeUndefined();
    expect((await stored(app))[field]).toEqual(expected);
    await app.publishedChanges();
    // Pushed as an operation, not as the whole field.
    const pushed = connection.pushes.find(({ evt }) => evt === 'updated');
    expect(pushed?.body).toMatchObject({ [String(op.key)]: { op: op.op } });
    expect(JSON.stringify(pushed?.body)).not.toContain('+02:00');
  });

  test.each<[JsonObject, string[]]>([
    [{ op: 'addToSet', key: 'refs', value: '/others/o1/' }, ['/others/o1']],
    [
      { op: 'addToSet', key: 'refs', value: ['/others/o2/', '/others/o2'] },
      ['/others/o1', '/others/o2'],
    ],
    [{ op: 'pull', key: 'refs', value: '/others/o1/' }, []],
  ])('of a reference: %j', async (op, expected) => {
    const app = await filled();
    expect((await update(app, 1, op)).error).toBeUndefined();
    const refs = ((await stored(app)).refs ?? []) as JsonObject[];
    expect(refs.map(({ value }) => value)).toEqual(expected);
  });

  test('a value is unique whatever its spelling', async () => {
    const app = await filled();
    const { error } = await create(app, '/things/2', { at: '2024-01-01T00:00Z' });
    expect(error).toEqual(invalid('at', 'value.not.unique'));
  });

  const found: [string, JsonValue][] = [
    ['at = $v', abroad],
    ['at in $v', [later, abroad]],
    ['at between $v', [abroad, abroad]],
    ['at <= $v and at >= $v', '2024-01-01T00:00Z'],
    ['not at != $v', abroad],
    ['when = $v', abroad],
    ['ats contains $v', abroad],
    ['ats = $v', [abroad]],
    ['grid contains $v', [abroad]],
    ['ref = $v', '/others/o1/'],
    ['ref in $v', ['/others/o2', '/others/o1/']],
    ['refs contains $v', '/others/o1/'],
    ["box.ref = $v and box.at = '2024-01-01T00:00Z'", '/others/o1/'],
    ['box = $v', { at: abroad, ref: '/others/o1/', n: null }],
    ['boxes contains $v', { at: abroad }],
    ['_r = $v', '/things/1/'],
    ['_r in $v', ['/things/1/']],
    ['at starts with $v', '2024-01-01T00'],
    ['at > $v', null],
  ];

  test.each(['memory', 'sqlite'] as const)('in filters, on the %s store', async (kind) => {
    const store = kind === 'sqlite' ? { open: sqlite } : {};
    const app = await filled({ models, ...store });
    const wrong: JsonValue[] = [];
    for (const [filter, v] of found) {
      const query = { filter, values: { v } };
      const { body } = await app.send(amal, { cmd: 'count', r: '/things', cmdOpts: { query } });
      const connection = app.connect(amal);
      const opened = { cmd: 'read', r: '/things', cmdOpts: { query, subscribe: true } };
      const window = (await connection.send(opened)).body as { items: JsonValue[] } | undefined;
      const expected = filter === 'at > $v' ? 0 : 1;
      if ((body as JsonObject | undefined)?.totalResults !== expected) wrong.push(filter, 'count');
      if (window?.items.length !== expected) wrong.push(filter, 'window');
    }
    expect(wrong).toEqual([]);
    await app.close();
  });

  test.each<[string, JsonValue, string]>([
    [
      'at > $v',
      '2024-01-01 00:00:00Z',
      '$v: at compares with an instant such as 2026-01-31T12:00:00Z at position 6',
    ],
    [
      'at = $v',
      '2024-01-01',
      '$v: at compares with an instant such as 2026-01-31T12:00:00Z at position 6',
    ],
    [
      'at in $v',
      [utc, ''],
      '$v: at compares with an instant such as 2026-01-31T12:00:00Z at position 7',
    ],
    [
      'at between $v',
      ['2024-01-01', utc],
      '$v: at compares with an instant such as 2026-01-31T12:00:00Z at position 12',
    ],
    [
      "n = 1 or at <= 'today'",
      0,
      'at compares with an instant such as 2026-01-31T12:00:00Z at position 16',
    ],
    [
      'ats contains $v',
      '2024-01-01',
      '$v: ats compares with an instant such as 2026-01-31T12:00:00Z at position 14',
    ],
    [
      'when != $v',
      'x',
      '$v: when compares with an instant such as 2026-01-31T12:00:00Z at position 9',
    ],
    [
      'box.at = $v',
      'x',
      '$v: box.at compares with an instant such as 2026-01-31T12:00:00Z at position 10',
    ],
  ])('[RQL4] a text that is no instant is refused: %s, %j', async (filter, v, problem) => {
    const app = await open();
    const query = { filter, values: { v } };
    for (const cmdOpts of [{ query }, { query, subscribe: true }]) {
      const { error } = await app.connect(amal).send({ cmd: 'read', r: '/things', cmdOpts });
      expect(error).toEqual({
        code: 409,
        message: 'query.invalid',
        errors: { 'cmdOpts.query.filter': [problem] },
      });
    }
  });
});

describe('contains', () => {
  test.each([
    ['n contains 1', 'n is a Long at position 12'],
    ["n = 1 and n contains 'x' ignoring case", 'n is a Long at position 22'],
    ['box contains 1', 'box is an Object at position 14'],
    ["ref contains 'x'", 'ref is a reference at position 14'],
    ["at contains 'x'", 'at is a Date at position 13'],
    ["box.ref contains 'x'", 'box.ref is a reference at position 18'],
    ["_r contains 'x'", '_r is an R at position 13'],
    ['_rev contains 1', '_rev is a number at position 15'],
    ["when contains 'x'", 'when is a Date at position 15'],
  ])('[RQL7] %s is refused', async (filter, problem) => {
    const app = await open();
    const { error } = await app.send(amal, {
      cmd: 'count',
      r: '/things',
      cmdOpts: { query: { filter } },
    });
    const expected = `contains looks into a text or a list, and ${problem}`;
    expect(error).toMatchObject({ code: 409, errors: { 'cmdOpts.query.filter': [expected] } });
  });

  test.each([
    ["s contains 'or'", 1],
    ["s contains 'OR'", 0],
    ["s contains 'WOR' ignoring case", 1],
    ["s contains 'STRASSE' ignoring case", 1],
    ["not s contains 'x'", 2],
    ['ns contains 1', 1],
    ['j contains 1', 0],
    ['j.1st contains 1', 1],
    ['j.2024.x = 5', 1],
    ['j.0 = 7', 0],
    ['words contains 1', 1],
    ["big contains 'w'", 0],
  ])('[RQL3] [RQL7] [RQL8] %s is fine', async (filter, totalResults) => {
    for (const kind of [{}, { open: sqlite }]) {
      const app = await testApp({ models, ...kind });
      const j = { '1st': [1], '2024': { x: 5 } };
      await create(app, '/things/1', { s: 'word in der Straße', ns: [1], j });
      await create(app, '/things/2', { j: [7] });
      const answer = await app.send(amal, {
        cmd: 'count',
        r: '/things',
        cmdOpts: { query: { filter } },
      });
      expect([answer.error, answer.body]).toEqual([undefined, { totalResults }]);
      await app.close();
    }
  });
});

test('[REA4] ties follow the id, in the direction of the sort', async () => {
  for (const kind of [{}, { open: sqlite }]) {
    const app = await testApp({ models, ...kind });
    for (const id of ['b', 'a', '10', '9']) await create(app, `/things/${id}`, { s: 'same' });
    for (const id of ['y', 'x']) await create(app, `/things/${id}`, {});
    const order = async (sort: string) => {
      const { body } = await app.send(amal, { cmd: 'read', r: '/things', cmdOpts: { sort } });
      const { items } = body as unknown as { items: { body: { _r: string } }[] };
      return items.map((item) => item.body._r.slice('/things/'.length)).join();
    };
    expect(await order('s')).toBe('10,9,a,b,x,y');
    expect(await order('-s')).toBe('b,a,9,10,y,x');
    await app.close();
  }
});
