import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonValue } from '../json/json.fixture.js';
import type { JsonObject, JsonValue } from '../json/json.js';
import { parseRequest } from './parse-request.js';
import { readEnvelope } from './request.js';
import { changed, messages, op, pathsOf, refusal, requestOf, right } from './requests.fixture.js';

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
