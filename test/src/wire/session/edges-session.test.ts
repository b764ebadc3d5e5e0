import { describe, expect, test } from 'vitest';
import { Client } from '../../harness/client.js';
import { signToken } from '../../harness/token.js';
import { wireServer } from '../wire-server.js';

const server = wireServer();

/** The answer to one text, on a socket that is initialized or not. */
async function said(text: string, { initialized = false } = {}): Promise<unknown> {
  using client = initialized ? await server.as('edges') : await Client.open(server.socketUrl);
  client.send(text);
  return await client.nextPush();
}

const refused = (message: string) => ({ error: { code: 400, message } });

test.each(['0', '1.0', '1e2', '-0', '9007199254740991'])(
  '[ENV1] [SES1] the tag %s is an integer from 0',
  async (tag) => {
    const accessToken = signToken({ uid: 'u' });
    const text = `{"tag":${tag},"cmd":"INITIALIZE","accessToken":"${accessToken}","r":5,"body":[]}`;
    expect(await said(text)).toMatchObject({ tag: Number(tag) + 0, evt: 'initialized' });
  },
);

test.each(['1.5', 'null', 'true', '[1]', '"1"', '-1', '9007199254740992', '1e300'])(
  '[SES5] [ENV3] the tag %s is none',
  async (tag) => {
    expect(await said(`{"tag":${tag},"cmd":"initialize"}`)).toEqual(refused('initialize.invalid'));
    for (const initialized of [false, true]) {
      const get = `{"tag":${tag},"cmd":"get","r":"/users/1"}`;
      expect(await said(get, { initialized })).toEqual(refused('request.invalid'));
    }
  },
);

test.each(['null', '""', '0', '[]', '{}', 'true'])(
  '[SES2] %s in place of a token is a wrong one, not a missing one',
  async (token) => {
    expect(await said(`{"tag":1,"cmd":"initialize","accessToken":${token}}`)).toMatchObject({
      tag: 1,
      error: { code: 401, errors: { accessToken: ['token.invalid'] } },
    });
  },
);

test.each(['{"tag":1}', '{"tag":1,"cmd":5}', '{"tag":1,"cmd":null}'])(
  '[ENV3] %s has no command',
  async (text) => {
    for (const initialized of [false, true]) {
      expect(await said(text, { initialized })).toEqual({ tag: 1, ...refused('request.invalid') });
    }
  },
);

test.each(['', 'toString', '__proto__', 'constructor', ' get', 'commit'])(
  '[ENV6] the command %j does not exist',
  async (cmd) => {
    expect(await said(JSON.stringify({ tag: 3, cmd }), { initialized: true })).toEqual({
      tag: 3,
      error: { code: 405, message: 'command.unknown' },
    });
  },
);

test('[CON5] [SES7] text that is no UTF-8, a byte order mark and a message in fragments', async () => {
  expect(await said('\ufeff{"tag":1,"cmd":"ping"}')).toEqual(refused('json.malformed'));
  using broken = await Client.open(server.socketUrl);
  const raw = (broken.socket as unknown as { _socket: { write(bytes: Buffer): void } })._socket;
  raw.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe]));
  expect((await broken.closed).code).toBe(1003);
  expect(broken.pushes).toEqual([refused('json.malformed')]);
  using whole = await server.as('fragments');
  whole.socket.send('{"tag":1,', { fin: false });
  whole.socket.send('"cmd":"ping"}', { fin: true });
  expect(await whole.nextPush()).toEqual({ tag: 1, evt: 'pinged' });
});

test('[LIM1] a message of just 1 MiB is taken', async () => {
  using client = await server.as('large');
  const head = '{"tag":1,"cmd":"ping","x":"';
  client.send(`${head}${'x'.repeat(1024 * 1024 - head.length - 2)}"}`);
  expect(await client.nextPush()).toEqual({ tag: 1, evt: 'pinged' });
});

test('[SES11] a socket that the client closes is closed with the code that it gave', async () => {
  using client = await Client.open(server.socketUrl);
  client.socket.close(1000);
  expect((await client.closed).code).toBe(1000);
});

describe('renewal', () => {
  const as = (level: number) => signToken({ uid: 'renewed', data: { role: { name: level } } });

  test('[SES3] [SES8] failures are counted from zero after a success, and close a live session, too', async () => {
    using client = await Client.connect(server.socketUrl, as(1));
    const renew = (accessToken: string) => client.request({ cmd: 'initialize', accessToken });
    for (let n = 0; n < 4; n++) await renew('bad');
    expect((await renew(as(2))).body.user.data).toEqual({ role: { name: 2 } });
    for (let n = 0; n < 4; n++) await renew('bad');
    expect((await client.request({ cmd: 'ping' })).evt).toBe('pinged');
    client.send({ tag: 99, cmd: 'initialize', accessToken: 'bad' });
    expect((await client.closed).code).toBe(1008);
  });
});
