import type { JsonObject } from '@really/protocol';
import { describe, expect, test } from 'vitest';
import { runProgram } from '../../cli/run-program.js';
import { Client } from '../../harness/client.js';
import { testSecret } from '../../harness/server-process.js';
import { signToken, withBriefToken } from '../../harness/token.js';
import { wireServer } from '../wire-server.js';

const server = wireServer();
const impatient = wireServer({ REALLY_IDLE_TIMEOUT: '4' });

const message401 = 'invalid/incorrect/expired access token';

describe('initialize', () => {
  test('[SES1] returns the user of the token', async () => {
    using client = await Client.open(server.socketUrl);
    const expires = new Date(Date.now() + 60_000).toISOString();
    const accessToken = signToken({
      uid: '1142',
      authType: 'password',
      _r: '/users/1142',
      data: { nick: 'a' },
      expires,
    });
    client.send({ tag: 7, cmd: 'Initialize', accessToken });
    const answer = await client.nextPush();
    expect(answer).toEqual({
      tag: 7,
      evt: 'initialized',
      body: {
        'connection-handle': expect.stringMatching(/^.{16,}$/),
        user: { _r: '/users/1142', authType: 'password', uid: '1142', data: { nick: 'a' } },
        epoch: expect.stringMatching(/^[0-9a-f]{16}$/),
        expires,
      },
    });
  });

  test('[SES13] a client that names its models gets the hash of the present ones, on any answer', async () => {
    const types = await runProgram(['models', 'types'], server.folder);
    const [, models] = /modelsHash = '([0-9a-f]+)'/.exec(types.stdout) ?? [];
    using client = await Client.open(server.socketUrl);
    const accessToken = signToken({ uid: 'u' });
    const initialize = (more: JsonObject) =>
      client.request({ cmd: 'initialize', accessToken, ...more });
    const { body } = await initialize({ models: '0123456789abcdef' });
    expect(body.models).toBe(models);
    expect((await initialize({ models: '' })).body.models).toBe(models);
    for (const none of [{}, { models: null }, { models: 7 }]) {
      expect((await initialize(none)).body).not.toHaveProperty('models');
    }
    const handle = body['connection-handle'] as string;
    client.close();
    using again = await Client.open(server.socketUrl);
    const resumed = { cmd: 'initialize', accessToken, models: 'x', 'connection-handle': handle };
    expect((await again.request(resumed)).body).toMatchObject({ models });
  });

  test('[EPO1] [EPO2] it returns the epoch of the store, by which revisions of another store are refused', async () => {
    using client = await Client.open(server.socketUrl);
    const accessToken = signToken({ uid: 'u' });
    const { body } = await client.request({ cmd: 'initialize', accessToken });
    const { epoch } = body;
    const r = '/users/epoch';
    await client.request({ cmd: 'create', r, body: { name: 'a' } });
    const ops = [{ op: 'addNumber', key: 'age', value: 1 }];
    const write = async (cmd: string, cmdOpts: JsonObject) => {
      const update = cmd === 'update' && { rev: 1, body: { ops } };
      const { error } = await client.request({ cmd, r, ...update, cmdOpts });
      return error && [error.code, error.message, error.errors];
    };
    for (const cmd of ['update', 'delete']) {
      const unknown = [409, 'object.revision.unknown', undefined];
      expect(await write(cmd, { epoch: '0'.repeat(16) })).toEqual(unknown);
      expect(await write(cmd, { epoch: '' })).toEqual(unknown);
      const errors = { 'cmdOpts.epoch': ['expected.string'] };
      expect(await write(cmd, { epoch: 7 })).toEqual([400, 'request.invalid', errors]);
      const command = { cmd, r, rev: 1, body: { ops }, cmdOpts: { epoch: 'x' } };
      const batch = await client.request({ cmd: 'batch', body: { commands: [command] } });
      expect(batch.error?.message).toBe('object.revision.unknown');
    }
    expect(await write('update', { epoch })).toBeUndefined();
    expect((await client.request({ cmd: 'get', r })).body).toMatchObject({ _rev: 2, age: 1 });
    expect(await write('delete', { epoch })).toBeUndefined();
  });

  test('[SES1] a token without _r and without an end has neither in the answer', async () => {
    using client = await Client.open(server.socketUrl);
    const answer = await client.request({
      cmd: 'initialize',
      accessToken: signToken({ uid: 'u' }),
    });
    expect(answer.body).not.toHaveProperty('expires');
    expect(answer.body.user).not.toHaveProperty('_r');
    expect(answer.body.user.uid).toBe('u');
  });

  test.each<[string, unknown, string]>([
    ['missing', undefined, 'token.missing'],
    ['a number', 12, 'token.invalid'],
    ['an object', { a: 1 }, 'token.invalid'],
    ['no JWT', 'Ac66bf', 'token.invalid'],
    [
      'badly signed',
      signToken({ uid: 'u' }, 'another-secret-which-is-long-enough-0123'),
      'token.invalid',
    ],
    ['unsigned', signToken({ uid: 'u' }, testSecret, { alg: 'none' }), 'token.invalid'],
    [
      'of another algorithm',
      signToken({ uid: 'u' }, testSecret, { alg: 'HS512' }),
      'token.invalid',
    ],
    ['without a uid', signToken({ authType: 'password' }), 'token.invalid'],
    ['with a uid of the wrong type', signToken({ uid: 12 }), 'token.invalid'],
    ['past its expires in milliseconds', signToken({ uid: 'u', expires: 1000 }), 'token.expired'],
    [
      'past its expires in ISO',
      signToken({ uid: 'u', expires: '2020-01-01T00:00:00Z' }),
      'token.expired',
    ],
    ['past its exp', signToken({ uid: 'u', exp: 1000 }), 'token.expired'],
  ])('[SES2] [AUT2] a token that is %s', async (_, accessToken, detail) => {
    using client = await Client.open(server.socketUrl);
    client.send(JSON.stringify({ tag: 1, cmd: 'initialize', accessToken }));
    const { tag, error } = await client.nextPush();
    expect(tag).toBe(1);
    expect(error).toEqual({ code: 401, message: message401, errors: { accessToken: [detail] } });
    const again = await client.request({ cmd: 'initialize', accessToken: signToken({ uid: 'u' }) });
    expect(again.evt).toBe('initialized');
  });

  test.each([0, undefined, new Date(Date.now() + 1e13).toISOString(), Date.now() + 1e12])(
    '[AUT2] [SES10] expires %s lets in',
    async (expires) => {
      using client = await Client.open(server.socketUrl);
      const accessToken = signToken({ uid: 'u', ...(expires === undefined ? {} : { expires }) });
      const answer = await client.request({ cmd: 'initialize', accessToken });
      expect(answer.evt).toBe('initialized');
      expect((await client.request({ cmd: 'ping' })).evt).toBe('pinged');
    },
  );

  test('[SES3] the fifth failure closes with 1008', async () => {
    using client = await Client.open(server.socketUrl);
    for (let tag = 1; tag <= 5; tag++) client.send({ tag, cmd: 'initialize', accessToken: 'no' });
    expect((await client.closed).code).toBe(1008);
    expect(client.pushes.map((push) => push.tag)).toEqual([1, 2, 3, 4, 5]);
  });

  test.each([{ cmd: 'ping' }, { cmd: 'get', r: '/users/1' }, { cmd: 'nonsense' }])(
    '[SES4] $cmd before it gets initialize.required',
    async (request) => {
      using client = await Client.open(server.socketUrl);
      client.send({ tag: 3, ...request });
      expect(await client.nextPush()).toEqual({
        tag: 3,
        error: { code: 400, message: 'initialize.required' },
      });
    },
  );

  test.each([
    '{"cmd":"initialize","accessToken":"a"}',
    '{"tag":"1","cmd":"initialize"}',
    '{"tag":-1,"cmd":"initialize"}',
  ])('[SES5] %s is initialize.invalid', async (text) => {
    using client = await Client.open(server.socketUrl);
    client.send(text);
    expect(await client.nextPush()).toEqual({
      error: { code: 400, message: 'initialize.invalid' },
    });
  });

  test('commands pipelined after initialize are answered in order', async () => {
    using client = await Client.open(server.socketUrl);
    client.send({ tag: 1, cmd: 'initialize', accessToken: signToken({ uid: 'breath' }) });
    client.send({ tag: 2, cmd: 'ping' });
    client.send({ tag: 3, cmd: 'create', r: '/users', body: { name: 'x' } });
    const tags = [await client.nextPush(), await client.nextPush(), await client.nextPush()];
    expect(tags.map((message) => message.tag)).toEqual([1, 2, 3]);
    expect(tags.every((message) => message.error === undefined)).toBe(true);
  });

  test('[SES8] renews the token on the open socket', async () => {
    using client = await Client.open(server.socketUrl);
    const token = (expires: number, uid = 'same') => signToken({ uid, expires });
    const first = await client.request({
      cmd: 'initialize',
      accessToken: token(Date.now() + 300_000),
    });
    await client.request({ cmd: 'create', r: '/users/renewer', body: { name: 'r' } });
    await client.request({
      cmd: 'subscribe',
      body: { subscriptions: [{ r: '/users/renewer', rev: 1 }] },
    });
    const later = Date.now() + 600_000;
    const second = await client.request({ cmd: 'initialize', accessToken: token(later) });
    expect(second.evt).toBe('initialized');
    expect(second.body['connection-handle']).toBe(first.body['connection-handle']);
    expect(second.body.expires).toBe(new Date(later).toISOString());
    const other = await client.request({ cmd: 'initialize', accessToken: token(later, 'other') });
    expect(other.error).toEqual({
      code: 401,
      message: message401,
      errors: { accessToken: ['token.invalid'] },
    });
    await client.request({
      cmd: 'update',
      r: '/users/renewer',
      rev: 1,
      body: { ops: [{ op: 'set', key: 'name', value: 's' }] },
    });
    expect((await client.nextPush()).evt).toBe('updated');
  });

  test('[SES10] when the token expires token-expired is pushed, and the socket closed with 1008', async () => {
    using client = await Client.open(server.socketUrl);
    const expires = await withBriefToken(async (end) => {
      const accessToken = signToken({ uid: 'u', expires: end });
      return (await client.request({ cmd: 'initialize', accessToken })).error ? undefined : end;
    });
    expect(await client.nextPush()).toEqual({ evt: 'token-expired' });
    const late = Date.now() - expires;
    expect((await client.closed).code).toBe(1008);
    expect(late).toBeGreaterThanOrEqual(-20);
    // Sooner than anything that is done from time to time, whatever else the machine does.
    expect(late).toBeLessThan(20_000);
  });
});

describe('ping', () => {
  test.each(['ping', 'PING', 'poke'])('[SES6] %s is pinged, with the timestamp', async (cmd) => {
    using client = await server.as('pinger');
    client.send({ tag: 2, cmd, timestamp: { any: [1] }, other: 'ignored' });
    expect(await client.nextPush()).toEqual({ tag: 2, evt: 'pinged', timestamp: { any: [1] } });
    client.send({ tag: 3, cmd });
    expect(await client.nextPush()).toEqual({ tag: 3, evt: 'pinged' });
  });
});

describe('malformed', () => {
  test.each(['{', 'nonsense', '[]', '12', 'null', '"text"', '{tag: 1}', ''])(
    '[SES7] %s closes with 1003, before and after initialize',
    async (text) => {
      for (const client of [await Client.open(server.socketUrl), await server.as('mal')]) {
        client.send(text);
        expect(await client.nextPush()).toEqual({
          error: { code: 400, message: 'json.malformed' },
        });
        expect((await client.closed).code).toBe(1003);
      }
    },
  );
});

describe('idle', () => {
  test('[SES9] [LIM9] silence is kicked, initialized or not, and a ping frame is no silence', async () => {
    using silent = await Client.open(impatient.socketUrl);
    using quiet = await impatient.as('quiet');
    using alive = await impatient.as('alive');
    const beat = setInterval(() => alive.socket.ping(), 500);
    expect(await silent.nextPush()).toEqual({ evt: 'kicked' });
    expect(await quiet.nextPush()).toEqual({ evt: 'kicked' });
    expect((await silent.closed).code).toBe(1008);
    expect((await quiet.closed).code).toBe(1008);
    expect((await alive.request({ cmd: 'ping' })).evt).toBe('pinged');
    clearInterval(beat);
  });

  test("[SES9] pushes and the client's pongs do not count", async () => {
    using listener = await impatient.as('listener');
    using writer = await impatient.as('writer');
    await writer.request({ cmd: 'create', r: '/users/busy', body: { name: 'busy' } });
    await listener.request({
      cmd: 'subscribe',
      body: { subscriptions: [{ r: '/users/busy', rev: 1 }] },
    });
    const beat = setInterval(() => {
      listener.socket.pong();
      const gone = () => {};
      writer
        .request({
          cmd: 'update',
          r: '/users/busy',
          rev: 1,
          body: { ops: [{ op: 'addNumber', key: 'age', value: 1 }] },
        })
        .catch(gone);
    }, 300);
    expect((await listener.closed).code).toBe(1008);
    clearInterval(beat);
    expect(listener.pushes.filter((push) => push.evt === 'updated').length).toBeGreaterThan(3);
    expect(listener.pushes.at(-1)).toEqual({ evt: 'kicked' });
  });
});

describe('envelopes', () => {
  test.each<[string, object]>([
    ['no tag', { cmd: 'ping' }],
    ['a tag that is text', { tag: '1', cmd: 'ping' }],
    ['a tag below 0', { tag: -1, cmd: 'ping' }],
    ['a tag with a fraction', { tag: 1.5, cmd: 'ping' }],
  ])('[ENV3] %s is request.invalid without a tag', async (_, request) => {
    using client = await server.as('env');
    client.send(JSON.stringify(request));
    const answer = await client.nextPush();
    expect(answer.error?.message).toBe('request.invalid');
    expect(answer).not.toHaveProperty('tag');
    expect((await client.request({ cmd: 'ping' })).evt).toBe('pinged');
  });

  test.each([{}, { cmd: 5 }, { cmd: null }])(
    '[ENV3] cmd of %j is request.invalid with the tag',
    async (request) => {
      using client = await server.as('env');
      client.send(JSON.stringify({ tag: 9, ...request }));
      const answer = await client.nextPush();
      expect(answer.tag).toBe(9);
      expect(answer.error?.message).toBe('request.invalid');
    },
  );

  test('[ENV1] [ENV6] case does not matter, unknown members neither, an unknown command is 405', async () => {
    using client = await server.as('env');
    expect((await client.request({ cmd: 'PiNg', extra: 1 })).evt).toBe('pinged');
    const answer = await client.request({ cmd: 'destroy' });
    expect(answer.error).toEqual({ code: 405, message: 'command.unknown' });
  });

  test('[ENV5] a traceId is in the log', async () => {
    using client = await server.as('env');
    await client.request({ cmd: 'get', r: '/people/none', traceId: 'trace-me-1' });
    const answer = await client.request({
      cmd: 'create',
      r: '/people',
      body: { name: 'thrower' },
      traceId: 'trace-me-2',
    });
    expect(answer.error?.message).toBe('internal.server.error');
    const { output } = server.process;
    const log = () => output.stdout + output.stderr;
    await expect.poll(log).toContain('trace-me-2');
    await expect.poll(log).toContain(answer.error?.id);
    expect(log()).not.toContain(signToken({ uid: 'env' }));
  });
});
