import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonValue } from '../json/json.fixture.js';
import type { JsonObject, JsonValue } from '../json/json.js';
import { type ParsedRequest, parseRequest } from './parse-request.js';
import { readEnvelope } from './request.js';

const op = { op: 'set', key: 'name', value: 'x' };

/** A valid request of each command, with all its members. */
const right = {
  initialize: {
    tag: 1,
    cmd: 'initialize',
    accessToken: 'x',
    'connection-handle': 'h',
    received: 4,
  },
  ping: { tag: 1, cmd: 'ping', timestamp: 12 },
  create: {
    tag: 1,
    cmd: 'create',
    r: '/users',
    traceId: 't',
    body: { a: 1 },
    cmdOpts: { once: 'o' },
  },
  get: { tag: 1, cmd: 'get', r: '/users/1', traceId: 't', cmdOpts: { fields: ['a', '@b'] } },
  update: {
    tag: 1,
    cmd: 'update',
    r: '/users/1',
    rev: 3,
    traceId: 't',
    body: { ops: [op] },
    cmdOpts: { once: 'o' },
  },
  delete: { tag: 1, cmd: 'delete', r: '/users/1', rev: 3, traceId: 't', cmdOpts: { once: 'o' } },
  read: {
    tag: 1,
    cmd: 'read',
    r: '/users',
    traceId: 't',
    cmdOpts: {
      fields: ['a'],
      query: { filter: 'a = $b', values: { b: 1 } },
      ascending: true,
      limit: 10,
      skip: 0,
      paginationToken: 'p',
      includeTotalCount: true,
    },
  },
  count: {
    tag: 1,
    cmd: 'count',
    r: '/users',
    traceId: 't',
    cmdOpts: { query: { filter: 'a = 1' } },
  },
  subscribe: {
    tag: 1,
    cmd: 'subscribe',
    traceId: 't',
    body: { subscriptions: [{ r: '/users/1', rev: 2, fields: ['a'], pos: 'p' }] },
  },
  unsubscribe: {
    tag: 1,
    cmd: 'unsubscribe',
    traceId: 't',
    body: { subscriptions: ['/users/1', { r: '/users', fields: ['a'] }, 'q1'] },
  },
} satisfies Record<string, JsonObject>;

const messages: [string, JsonObject][] = Object.entries(right);

describe('the envelope', () => {
  test.each([undefined, '1', -1, 1.5, null, true, [1], {}, 2 ** 53, Number.NaN])(
    '[ENV3] a tag of %j is not usable',
    (tag) => {
      const message = { ...right.get, tag } as JsonObject;
      expect(refusal(parseRequest(message))).toEqual({
        error: { code: 400, message: 'request.invalid' },
      });
    },
  );

  test.each([undefined, 5, null, ['get'], { cmd: 'get' }])(
    '[ENV3] a cmd of %j is not usable',
    (cmd) => {
      const refused = { tag: 1, error: { code: 400, message: 'request.invalid' } };
      expect(refusal(parseRequest({ ...right.get, cmd } as JsonObject))).toEqual(refused);
    },
  );

  test.each([undefined, '1', -1, 1.5, null])(
    '[SES5] an initialize with a tag of %j is ill-formed, and answered without a tag',
    (tag) => {
      const message = { ...right.initialize, cmd: 'Initialize', tag } as JsonObject;
      const refused = { error: { code: 400, message: 'initialize.invalid' } };
      expect(refusal(parseRequest(message))).toEqual(refused);
    },
  );

  test.each(['', 'fetch', 'constructor', '__proto__', 'toString', 'get ', 'ＧＥＴ'])(
    '[ENV6] %j is no command',
    (cmd) => {
      expect(refusal(parseRequest({ tag: 1, cmd }))).toEqual({
        tag: 1,
        error: { code: 405, message: 'command.unknown' },
      });
    },
  );

  test.each(messages)('[ENV1] %s in any case, with unknown members', (cmd, message) => {
    const plain = requestOf(message);
    expect(plain.cmd).toBe(cmd);
    const shouted = { ...message, cmd: cmd.toUpperCase(), zzz: 1, constructor: 5, tag: 0 };
    expect(requestOf(shouted)).toEqual({ ...plain, tag: 0 });
    const odd = JSON.parse(
      JSON.stringify(message).replace('{', '{"__proto__":{"rev":"x","body":5},'),
    );
    expect(requestOf(odd)).toEqual(plain);
  });

  test('[ENV1] the usable parts are read before anything else', () => {
    expect(readEnvelope({ tag: 3, cmd: 'GeT' })).toEqual({ tag: 3, cmd: 'get' });
    expect(readEnvelope({ tag: '3' })).toEqual({ tag: undefined, cmd: undefined });
  });
});

describe('requests', () => {
  test.each([
    [4, 4],
    [0, 0],
    [-1, undefined],
    [0.5, undefined],
    ['4', undefined],
  ])('[SES1] initialize: %j pushes received count as %j', (received, counted) => {
    const request = requestOf({ ...right.initialize, received });
    expect(request).toEqual({
      cmd: 'initialize',
      tag: 1,
      accessToken: 'x',
      handle: 'h',
      received: counted,
    });
  });

  test('[ENV1] carry what was sent, with the R parsed', () => {
    expect(requestOf(right.update)).toEqual({
      cmd: 'update',
      tag: 1,
      traceId: 't',
      target: expect.objectContaining({ kind: 'object', r: '/users/1' }),
      rev: 3,
      body: { ops: [op] },
      cmdOpts: { once: 'o' },
    });
    expect(requestOf({ ...right.read, r: '/users/*/posts/' })).toMatchObject({
      target: { kind: 'collection', r: '/users/*/posts/*' },
      cmdOpts: right.read.cmdOpts,
    });
    expect(requestOf(right.create)).toMatchObject({ target: { r: '/users/*' }, body: { a: 1 } });
    expect(requestOf(right.delete)).toMatchObject({ rev: 3, cmdOpts: { once: 'o' } });
  });

  test.each(['get', 'read', 'count', 'delete'] as const)('[ENV1] %s needs no options', (cmd) => {
    const { r } = right[cmd];
    expect(requestOf({ tag: 1, cmd, r })).toMatchObject({ cmd, target: {}, cmdOpts: {} });
  });

  test('[CRE1] [CRE2] create takes a collection or an object', () => {
    expect(requestOf({ ...right.create, r: '/users/7' })).toMatchObject({
      target: { kind: 'object' },
    });
    expect(requestOf({ ...right.create, r: '/users/7/posts/*' })).toMatchObject({
      target: { kind: 'collection', parents: ['7'] },
    });
  });

  test('[SES6] ping and poke take anything, and keep the timestamp', () => {
    const strange = { tag: 1, cmd: 'poke', r: 5, traceId: 5, cmdOpts: [], timestamp: { any: [1] } };
    expect(requestOf(strange)).toEqual({ cmd: 'ping', tag: 1, timestamp: { any: [1] } });
    expect(requestOf({ tag: 1, cmd: 'ping' })).not.toHaveProperty('timestamp', expect.anything());
  });

  test.each<JsonValue>([undefined as never, null, 5, ['x'], { a: 1 }, 'token'])(
    '[SES2] a token of %j is accepted here and left to the token check',
    (accessToken) => {
      const request = requestOf({
        tag: 1,
        cmd: 'initialize',
        accessToken,
        received: 'x',
        'connection-handle': 7,
        traceId: 1,
      });
      // A handle that is no text counts as missing.
      expect(request).toEqual({ cmd: 'initialize', tag: 1, accessToken, handle: '' });
    },
  );

  test('[SUB1] an item with a bad R is a failure of the item, not of the request', () => {
    const subscriptions = [{ r: 'bad r' }, { r: '/users/*/posts/1' }, { r: '/users/', pos: '7' }];
    expect(requestOf({ ...right.subscribe, body: { subscriptions } })).toMatchObject({
      body: {
        subscriptions: [
          { r: 'bad r', target: undefined },
          { r: '/users/*/posts/1', target: undefined },
          { r: '/users/', target: { kind: 'collection', r: '/users/*' }, pos: '7' },
        ],
      },
    });
    expect(requestOf({ ...right.subscribe, body: { subscriptions: [] } })).toMatchObject({
      body: { subscriptions: [] },
    });
  });

  test('[UNS1] a window ends as a whole: fields beside its id are refused', () => {
    const subscriptions = ['/users/1', { r: 'q1', fields: ['a'] }];
    const parsed = parseRequest({ ...right.unsubscribe, body: { subscriptions } });
    expect(parsed.ok ? undefined : parsed.error.errors).toEqual({
      'body.subscriptions[1].fields': ['not.of.queries'],
    });
  });

  test('[UNS1] Rs, Rs with fields, and ids of query subscriptions', () => {
    const subscriptions = [
      '/users/1/',
      { r: '/users/2', fields: ['a'] },
      'q1',
      '/bad r',
      { r: 'q2' },
      '',
    ];
    expect(requestOf({ ...right.unsubscribe, body: { subscriptions } })).toMatchObject({
      body: {
        subscriptions: [
          { kind: 'r', r: '/users/1/', target: { r: '/users/1' } },
          { kind: 'r', r: '/users/2', target: { r: '/users/2' }, fields: ['a'] },
          { kind: 'query', id: 'q1' },
          { kind: 'r', r: '/bad r', target: undefined },
          { kind: 'query', id: 'q2' },
          { kind: 'query', id: '' },
        ],
      },
    });
  });
});

describe('Rs', () => {
  test.each<[keyof typeof right, JsonValue | undefined, string]>([
    ['create', undefined, 'r.invalid'],
    ['create', 5, 'r.invalid'],
    ['create', '/users/*/posts', 'r.invalid'],
    ['create', '/users/1/posts/*/comments', 'r.invalid'],
    ['get', undefined, 'r.invalid'],
    ['get', null, 'r.invalid'],
    ['get', 'users/1', 'r.invalid'],
    ['get', '/users/*/followers/123', 'r.invalid'],
    ['get', '/users', 'r.object.required'],
    ['update', '/users/*', 'r.object.required'],
    ['update', ['/users/1'], 'r.invalid'],
    ['delete', '/users/', 'r.object.required'],
    ['delete', '', 'r.invalid'],
    ['read', '/users/1', 'r.collection.required'],
    ['read', undefined, 'r.invalid'],
    ['count', '/users/1/', 'r.collection.required'],
    ['count', {}, 'r.invalid'],
  ])('[R2] [R3] [R7] %s of %j is %s', (cmd, r, message) => {
    const answer = refusal(parseRequest({ ...right[cmd], r } as JsonObject));
    expect(answer).toMatchObject({ tag: 1, error: { code: 400, message } });
    expect(answer.error).not.toHaveProperty('errors');
  });

  test('[ERR1] the R is in the response where it is known, in its printed form', () => {
    expect(refusal(parseRequest({ ...right.get, r: '/users/' })).r).toBe('/users/*');
    expect(refusal(parseRequest({ ...right.update, r: '/users/1/', rev: 'x' })).r).toBe('/users/1');
    expect(refusal(parseRequest({ ...right.get, r: 'x' }))).not.toHaveProperty('r');
  });
});

describe('arguments', () => {
  const long = 'x'.repeat(65);
  const index = 'body.ops[0].opArgs.index';
  test.each<[keyof typeof right, string, JsonValue | undefined, string, string?]>([
    ['create', 'traceId', 5, 'expected.string'],
    ['create', 'traceId', 'x'.repeat(257), 'expected.from.0.to.256.characters'],
    ['create', 'body', undefined, 'expected.object'],
    ['create', 'body', [], 'expected.object'],
    ['create', 'body', null, 'expected.object'],
    ['create', 'cmdOpts', [], 'expected.object'],
    ['create', 'cmdOpts.once', 5, 'expected.string'],
    ['create', 'cmdOpts.once', '', 'expected.from.1.to.64.characters'],
    ['create', 'cmdOpts.once', long, 'expected.from.1.to.64.characters'],
    ['get', 'cmdOpts', 'x', 'expected.object'],
    ['get', 'cmdOpts.fields', 'name', 'expected.list'],
    ['get', 'cmdOpts.fields[1]', 5, 'expected.string'],
    ['update', 'traceId', {}, 'expected.string'],
    ['update', 'rev', undefined, 'expected.integer'],
    ['update', 'rev', '3', 'expected.integer'],
    ['update', 'rev', 1.5, 'expected.integer'],
    ['update', 'rev', null, 'expected.integer'],
    ['update', 'rev', -1, 'expected.from.0'],
    ['update', 'body', undefined, 'expected.object'],
    ['update', 'body', 'x', 'expected.object'],
    ['update', 'body.ops', undefined, 'expected.list'],
    ['update', 'body.ops', {}, 'expected.list'],
    ['update', 'body.ops', [], 'expected.from.1.elements'],
    ['update', 'body.ops', Array(1001).fill(op), 'expected.from.1.to.1000.elements'],
    ['update', 'body.ops[0]', 'set', 'expected.object'],
    ['update', 'body.ops[0]', null, 'expected.object'],
    [
      'update',
      'body.ops[0].op',
      undefined,
      'expected.set.or.addNumber.or.push.or.addToSet.or.pull.or.insertAt.or.removeAt',
    ],
    [
      'update',
      'body.ops[0].op',
      'SET',
      'expected.set.or.addNumber.or.push.or.addToSet.or.pull.or.insertAt.or.removeAt',
    ],
    [
      'update',
      'body.ops[0].op',
      5,
      'expected.set.or.addNumber.or.push.or.addToSet.or.pull.or.insertAt.or.removeAt',
    ],
    ['update', 'body.ops[0].key', undefined, 'expected.string'],
    ['update', 'body.ops[0].key', 5, 'expected.string'],
    ['update', 'body.ops[0].key', '', 'expected.from.1.characters'],
    ['update', 'body.ops[0].key', 'a..b', 'expected.path'],
    ['update', 'body.ops[0].key', '__proto__.x', 'expected.path'],
    ['update', 'body.ops[0].key', 'k'.repeat(257), 'expected.path'],
    ['update', 'body.ops[0].value', undefined, 'expected.value'],
    ['update', 'body.ops[0].opArgs', [], 'expected.object'],
    ['update', index, '0', 'expected.integer'],
    ['update', index, 0.5, 'expected.integer'],
    ['update', 'body.ops[0]', { op: 'insertAt', key: 'a', value: 1 }, 'expected.integer', index],
    ['update', 'body.ops[0]', { op: 'removeAt', key: 'a', opArgs: {} }, 'expected.integer', index],
    ['update', 'cmdOpts.once', 5, 'expected.string'],
    ['delete', 'traceId', [], 'expected.string'],
    ['delete', 'rev', '3', 'expected.integer'],
    ['delete', 'rev', -1, 'expected.from.0'],
    ['delete', 'cmdOpts', 1, 'expected.object'],
    ['delete', 'cmdOpts.once', long, 'expected.from.1.to.64.characters'],
    ['read', 'traceId', 1, 'expected.string'],
    ['read', 'cmdOpts', true, 'expected.object'],
    ['read', 'cmdOpts.fields', {}, 'expected.list'],
    ['read', 'cmdOpts.fields[0]', null, 'expected.string'],
    ['read', 'cmdOpts.query', 'a = 1', 'expected.object'],
    ['read', 'cmdOpts.query.filter', undefined, 'expected.string'],
    ['read', 'cmdOpts.query.filter', 5, 'expected.string'],
    ['read', 'cmdOpts.query.values', [1], 'expected.object'],
    ['read', 'cmdOpts.ascending', 'true', 'expected.boolean'],
    ['read', 'cmdOpts.ascending', 1, 'expected.boolean'],
    ['read', 'cmdOpts.sort', 'name', 'expected.absent.with.sort', 'cmdOpts.ascending'],
    ['read', 'cmdOpts.sort', 5, 'expected.string'],
    ['read', 'cmdOpts.sort', '', 'expected.from.1.characters'],
    ['read', 'cmdOpts.limit', '10', 'expected.integer'],
    ['read', 'cmdOpts.limit', 1.5, 'expected.integer'],
    ['read', 'cmdOpts.limit', 0, 'expected.from.1.to.1000'],
    ['read', 'cmdOpts.limit', 1001, 'expected.from.1.to.1000'],
    ['read', 'cmdOpts.limit', -1, 'expected.from.1.to.1000'],
    ['read', 'cmdOpts.skip', '0', 'expected.integer'],
    ['read', 'cmdOpts.skip', -1, 'expected.from.0.to.9007199254740991'],
    ['read', 'cmdOpts.skip', 1e300, 'expected.from.0.to.9007199254740991'],
    ['read', 'cmdOpts.paginationToken', 5, 'expected.string'],
    ['read', 'cmdOpts.includeTotalCount', 'yes', 'expected.boolean'],
    ['read', 'cmdOpts.subscribe', 1, 'expected.boolean'],
    ['read', 'cmdOpts.since', 5, 'expected.string'],
    ['read', 'cmdOpts.since', '5', 'expected.absent.without.subscribe'],
    ['count', 'traceId', 1, 'expected.string'],
    ['count', 'cmdOpts', [], 'expected.object'],
    ['count', 'cmdOpts.query.filter', undefined, 'expected.string'],
    ['count', 'cmdOpts.query.values', 'x', 'expected.object'],
    ['subscribe', 'traceId', 1, 'expected.string'],
    ['subscribe', 'body', undefined, 'expected.object'],
    ['subscribe', 'body', [], 'expected.object'],
    ['subscribe', 'body.subscriptions', undefined, 'expected.list'],
    ['subscribe', 'body.subscriptions', {}, 'expected.list'],
    ['subscribe', 'body.subscriptions[0]', '/users/1', 'expected.object'],
    ['subscribe', 'body.subscriptions[0].r', undefined, 'expected.string'],
    ['subscribe', 'body.subscriptions[0].r', 5, 'expected.string'],
    ['subscribe', 'body.subscriptions[0].rev', '2', 'expected.integer'],
    ['subscribe', 'body.subscriptions[0].rev', -2, 'expected.from.0'],
    ['subscribe', 'body.subscriptions[0].fields', 'a', 'expected.list'],
    ['subscribe', 'body.subscriptions[0].fields[0]', 1, 'expected.string'],
    ['subscribe', 'body.subscriptions[0].pos', 7, 'expected.string'],
    ['unsubscribe', 'traceId', 1, 'expected.string'],
    ['unsubscribe', 'body', 'x', 'expected.object'],
    ['unsubscribe', 'body.subscriptions', '/users/1', 'expected.list'],
    ['unsubscribe', 'body.subscriptions[0]', 5, 'expected.string.or.object'],
    ['unsubscribe', 'body.subscriptions[2]', [], 'expected.string.or.object'],
    ['unsubscribe', 'body.subscriptions[1].r', undefined, 'expected.string'],
    ['unsubscribe', 'body.subscriptions[1].fields', 'a', 'expected.list'],
    ['unsubscribe', 'body.subscriptions[1].fields[0]', {}, 'expected.string'],
  ])('[ENV7] %s with %s of %j: %s', (cmd, path, value, expected, named = path) => {
    expect(refusal(parseRequest(changed(right[cmd], path, value)))).toMatchObject({
      tag: 1,
      error: { code: 400, message: 'request.invalid', errors: { [named]: [expected] } },
    });
  });

  test('[REA11] skip and paginationToken are refused with subscribe, since is accepted', () => {
    const options = { subscribe: true, since: '5', skip: 0, paginationToken: 'p' };
    expect(refusal(parseRequest({ ...right.read, cmdOpts: options })).error.errors).toEqual({
      'cmdOpts.skip': ['expected.absent.with.subscribe'],
      'cmdOpts.paginationToken': ['expected.absent.with.subscribe'],
    });
    const { skip, paginationToken, ...rest } = options;
    expect(requestOf({ ...right.read, cmdOpts: rest })).toMatchObject({ cmdOpts: rest });
    expect(skip).toBe(0);
    expect(paginationToken).toBe('p');
  });

  test('[ENV7] all errors are reported at once, but never more than the request was long', () => {
    const wrong = {
      ...right.update,
      rev: 'x',
      body: { ops: [{ op: 'set', key: 1 }, 5] },
      cmdOpts: { once: '' },
    };
    expect(Object.keys(refusal(parseRequest(wrong)).error.errors ?? {})).toEqual([
      'rev',
      'body.ops[0].key',
      'body.ops[1]',
      'cmdOpts.once',
    ]);
    const endless = { ...right.update, body: { ops: Array(100_000).fill(0) } };
    expect(Object.keys(refusal(parseRequest(endless)).error.errors ?? {})).toHaveLength(20);
    const many = { ...right.update, body: { ops: Array(1000).fill({ op: 'set', key: '.' }) } };
    expect(Object.keys(refusal(parseRequest(many)).error.errors ?? {})).toHaveLength(20);
  });

  test('[LIM8] characters are counted as code points', () => {
    const once = '\u{1f600}'.repeat(64);
    expect(requestOf({ ...right.delete, cmdOpts: { once } })).toMatchObject({ cmdOpts: { once } });
    const refused = refusal(parseRequest({ ...right.delete, cmdOpts: { once: `${once}x` } }));
    expect(refused.error.errors).toHaveProperty(['cmdOpts.once']);
  });

  test.each(messages)('[ENV8] null is the same as absent: %s', (_, message) => {
    const { traceId, cmdOpts, ...rest } = message as JsonObject;
    const names = ['fields', 'query', 'ascending', 'sort', 'limit', 'skip', 'paginationToken'];
    const more = ['includeTotalCount', 'subscribe', 'since', 'once'];
    const nulls = Object.fromEntries([...names, ...more].map((name) => [name, null]));
    for (const options of [null, nulls]) {
      const asNull = { ...rest, traceId: null, cmdOpts: options };
      expect(requestOf(asNull)).toEqual(requestOf(rest));
    }
  });

  test('[ENV8] null is the same as absent inside bodies', () => {
    const ops = [{ op: 'push', key: 'a', value: null, opArgs: null }];
    expect(requestOf({ ...right.update, body: { ops } })).toMatchObject({
      body: { ops: [{ op: 'push', key: 'a', value: null }] },
    });
    expect(ops[0]).toHaveProperty('opArgs');
    const at = { op: 'removeAt', key: 'a', opArgs: { index: null } };
    expect(refusal(parseRequest({ ...right.update, body: { ops: [at] } })).error.errors).toEqual({
      'body.ops[0].opArgs.index': ['expected.integer'],
    });
    const withoutRev = changed(right.delete, 'rev', undefined);
    expect(requestOf({ ...withoutRev, rev: null })).toEqual(requestOf(withoutRev));
    const item = { r: '/users/1', rev: null, fields: null, pos: null };
    const subscribe = { ...right.subscribe, body: { subscriptions: [item] } };
    const plain = { ...right.subscribe, body: { subscriptions: [{ r: '/users/1' }] } };
    expect(requestOf(subscribe)).toEqual(requestOf(plain));
    const end = {
      tag: 1,
      cmd: 'unsubscribe',
      body: { subscriptions: [{ r: '/users/1', fields: null }] },
    };
    expect(requestOf(end)).toMatchObject({
      body: { subscriptions: [{ r: '/users/1', fields: undefined }] },
    });
    const query = { filter: 'a = null', values: null };
    expect(requestOf({ tag: 1, cmd: 'count', r: '/users', cmdOpts: { query } })).toMatchObject({
      cmdOpts: { query: { filter: 'a = null' } },
    });
    const commands = [{ ...right.delete, rev: null, cmdOpts: { once: null } }];
    expect(parseRequest({ tag: 1, cmd: 'batch', body: { commands } }).ok).toBe(true);
    const hello = { tag: 1, cmd: 'initialize', accessToken: 'a', received: null };
    expect(requestOf({ ...hello, 'connection-handle': null, traceId: null })).toEqual({
      cmd: 'initialize',
      tag: 1,
      accessToken: 'a',
    });
  });

  test.each<[keyof typeof right, JsonObject, string, string[]]>([
    ['read', { limt: 5 }, 'cmdOpts.limt', ['member.unknown', 'expected.limit']],
    ['read', { Limit: 5 }, 'cmdOpts.Limit', ['member.unknown', 'expected.limit']],
    ['read', { filter: 'a = 1' }, 'cmdOpts.filter', ['member.unknown', 'expected.query.filter']],
    [
      'read',
      { query: { filter: 'a = 1', value: {} } },
      'cmdOpts.query.value',
      ['member.unknown', 'expected.values'],
    ],
    [
      'read',
      JSON.parse('{"__proto__": 1}'),
      'cmdOpts.__proto__',
      ['member.unknown', 'expected.sort'],
    ],
    ['get', { field: ['a'] }, 'cmdOpts.field', ['member.unknown', 'expected.fields']],
    ['count', { limit: 5 }, 'cmdOpts.limit', ['member.unknown', 'expected.query']],
    ['create', { onec: 'x' }, 'cmdOpts.onec', ['member.unknown', 'expected.once']],
    ['update', { constructor: 1 }, 'cmdOpts.constructor', ['member.unknown', 'expected.once']],
    ['delete', { rev: 1 }, 'cmdOpts.rev', ['member.unknown', 'expected.once']],
    ['subscribe', { fields: [] }, 'cmdOpts.fields', ['member.unknown']],
    ['unsubscribe', { x: 1 }, 'cmdOpts.x', ['member.unknown']],
    [
      'read',
      { ['x'.repeat(200)]: 1 },
      `cmdOpts.${'x'.repeat(64)}`,
      ['member.unknown', 'expected.fields'],
    ],
  ])('[ENV9] %s with the options %j: %s', (command, cmdOpts, path, details) => {
    const { error } = refusal(parseRequest({ ...right[command], cmdOpts }));
    expect(error).toMatchObject({ code: 400, message: 'request.invalid' });
    expect(Object.entries(error.errors ?? {})).toEqual([[path, details]]);
  });

  test('[ENV1] [ENV9] unknown members elsewhere are ignored, and so is an unknown option that is null', () => {
    const strange = { ...right.delete, rve: 1, cmdOpts: { what: null } };
    expect(requestOf(strange)).toMatchObject({ cmd: 'delete', rev: 3, cmdOpts: {} });
    expect(requestOf({ tag: 1, cmd: 'ping', cmdOpts: { x: 1 } })).toMatchObject({ cmd: 'ping' });
  });

  test('[NUM1] a timestamp that is too large for a number is refused rather than lost', () => {
    const { error } = refusal(
      parseRequest({ tag: 1, cmd: 'ping', timestamp: [{ at: Number.POSITIVE_INFINITY }] }),
    );
    expect(error.errors).toEqual({ 'timestamp[0].at': ['number.out.of.range'] });
  });

  test('[UPD2] a revision that is too large for any object is left to the command', () => {
    expect(requestOf({ ...right.update, rev: 1e300 })).toMatchObject({ rev: 1e300 });
  });

  test('[UPD9] [UPD10] an index beyond the list, and a value that is no number, are left to the command', () => {
    const ops = [
      { op: 'removeAt', key: 'a', opArgs: { index: -5 } },
      { op: 'addNumber', key: 'a', value: 'x' },
      { op: 'set', key: 'a', value: null },
    ];
    expect(requestOf({ ...right.update, body: { ops } })).toMatchObject({ body: { ops } });
  });

  test('[LIM8] limits can be set', () => {
    const limits = { keyLength: 3, pathDepth: 2, ops: 1 };
    expect(parseRequest(changed(right.update, 'body.ops[0].key', 'a.b'), limits).ok).toBe(true);
    expect(parseRequest(changed(right.update, 'body.ops[0].key', 'a.bc'), limits).ok).toBe(false);
    expect(parseRequest({ ...right.update, body: { ops: [op, op] } }, limits).ok).toBe(false);
  });
});

test('[ENV7] [ERR2] any value in a member gives a request, or a refusal of the table that names something', () => {
  const junk = fc.oneof(
    jsonValue,
    fc.constantFrom<JsonValue>(-1, 1e300, '/users/1', '/users', [op]),
  );
  fc.assert(
    fc.property(fc.constantFrom(...messages), fc.nat(), junk, ([, message], seed, value) => {
      const paths = pathsOf(message);
      const changedMessage = changed(message, paths[seed % paths.length] ?? 'tag', value);
      const result = parseRequest(JSON.parse(JSON.stringify(changedMessage)));
      if (result.ok) return;
      const { code, message: text, errors } = result.error.toJSON();
      expect([400, 405]).toContain(code);
      const isNamed = errors !== undefined && Object.keys(errors).length > 0;
      const hasEnvelope = result.tag !== undefined && typeof changedMessage.cmd === 'string';
      expect(isNamed).toBe(text === 'request.invalid' && hasEnvelope);
    }),
    { numRuns: 5000 },
  );
});

type Refusal = { tag?: number; r?: string; error: { errors?: Record<string, string[]> } };

function refusal(result: ParsedRequest): Refusal {
  if (result.ok) throw new Error(`not refused: ${JSON.stringify(result.request)}`);
  const { tag, r, error } = result;
  return JSON.parse(JSON.stringify({ tag, r, error }));
}

function requestOf(message: JsonObject) {
  const result = parseRequest(message);
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.request;
}

/** The message with another value at a path; `undefined` removes the member. */
function changed(message: JsonObject, path: string, value: JsonValue | undefined): JsonObject {
  const copy = structuredClone(message);
  const steps = path.replaceAll('[', '.').replaceAll(']', '').split('.');
  const last = steps.pop() ?? '';
  let place = copy as Record<string, unknown>;
  for (const step of steps) {
    place[step] ??= {};
    place = place[step] as Record<string, unknown>;
  }
  if (value === undefined) delete place[last];
  else place[last] = value;
  return copy;
}

/** Every member of a message, at any depth. */
function pathsOf(value: JsonValue, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return path === '' ? [] : [path];
  const inner = Object.entries(value).flatMap(([name, member]) => {
    return pathsOf(member, path === '' ? name : `${path}.${name}`);
  });
  return path === '' ? inner : [path, ...inner];
}
