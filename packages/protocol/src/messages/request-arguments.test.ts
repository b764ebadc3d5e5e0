import { describe, expect, test } from 'vitest';
import type { JsonObject, JsonValue } from '../json/json.js';
import { parseRequest } from './parse-request.js';
import { changed, messages, op, refusal, requestOf, right } from './requests.fixture.js';

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
    ['read', 'cmdOpts.sort', 5, 'expected.string.or.list'],
    ['read', 'cmdOpts.sort', [], 'expected.from.1.to.4.elements'],
    ['read', 'cmdOpts.sort', [5], 'expected.string', 'cmdOpts.sort[0]'],
    ['read', 'cmdOpts.sort', 'a,b,c,d,e', 'expected.from.1.to.4.fields'],
    ['read', 'cmdOpts.sort', 'a,-a', 'expected.each.field.once'],
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

  test('[REA11] [REA14] skip is refused with subscribe, since and paginationToken are accepted', () => {
    const options = { subscribe: true, since: '5', skip: 0, paginationToken: 'p' };
    expect(refusal(parseRequest({ ...right.read, cmdOpts: options })).error.errors).toEqual({
      'cmdOpts.skip': ['expected.absent.with.subscribe'],
    });
    const { skip, ...rest } = options;
    expect(requestOf({ ...right.read, cmdOpts: rest })).toMatchObject({ cmdOpts: rest });
    expect(skip).toBe(0);
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
