import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import WebSocket from 'ws';
import { Client } from '../../harness/client.js';
import { wireServer } from '../wire-server.js';

const server = wireServer();

const unsupported = '{"code":400,"reason":"protocol version is not supported"}';

/** The answer to an upgrade that is refused. */
async function refusedUpgrade(
  path: string,
): Promise<{ status: number; type: string; body: string }> {
  const socket = new WebSocket(server.url.replace('http', 'ws') + path);
  const [, response] = await once(socket, 'unexpected-response');
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return {
    status: response.statusCode,
    type: response.headers['content-type'],
    body: Buffer.concat(chunks).toString(),
  };
}

test.each(['/v9/socket', '/vfoo/socket', '/v/socket', '/v0.2/socket', '/v0.1.0/socket'])(
  '[CON2] an upgrade of %s is refused with the literal body',
  async (path) => {
    const answer = await refusedUpgrade(path);
    expect(answer.status).toBe(400);
    expect(answer.type).toMatch(/^application\/json/);
    expect(answer.body).toBe(unsupported);
  },
);

test.each(['/v9/socket', '/vfoo/socket', '/v/socket'])(
  '[CON2] a plain GET of %s is refused in the same way',
  async (path) => {
    const answer = await fetch(server.url + path);
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    expect(await answer.text()).toBe(unsupported);
  },
);

test('[CON3] the socket without an upgrade is 426', async () => {
  const answer = await fetch(`${server.url}/v0.1/socket`);
  expect(answer.status).toBe(426);
  const body = (await answer.json()) as { code: number; reason: string };
  expect(body.code).toBe(426);
  expect(typeof body.reason).toBe('string');
});

test('[CON1] [CON4] an upgrade is taken, and nothing is said until the client speaks', async () => {
  using client = await Client.open(server.socketUrl);
  const answer = await client.request({ cmd: 'ping' });
  expect(answer.error?.message).toBe('initialize.required');
  expect(client.pushes).toEqual([]);
});

test('[CON5] a binary frame closes with 1003', async () => {
  using client = await server.as('binary');
  client.socket.send(Buffer.from('{"tag":1,"cmd":"ping"}'));
  expect((await client.closed).code).toBe(1003);
});

test('[LIM1] a message over the limit closes with 1009', async () => {
  using client = await server.as('large');
  client.send(`{"tag":1,"cmd":"ping","x":"${'x'.repeat(1024 * 1024)}"}`);
  expect((await client.closed).code).toBe(1009);
});

test('[DUR5] garbage in place of HTTP, and a socket cut in the middle of a frame, leave the server well', async () => {
  const { port } = new URL(server.url);
  const garbage = connect(Number(port), '127.0.0.1');
  garbage.on('error', () => {});
  garbage.resume();
  garbage.end(Buffer.from([0, 1, 2, 255, 254, 13, 10, 13, 10]));
  await once(garbage, 'close');
  const cut = await server.as('cut');
  const raw = (cut.socket as unknown as { _socket: { write(data: Buffer): void; destroy(): void } })
    ._socket;
  raw.write(Buffer.from([0x81, 0xfe, 0x10]));
  raw.destroy();
  await cut.closed;
  using client = await server.as('after');
  expect((await client.request({ cmd: 'ping' })).evt).toBe('pinged');
});

test('[HTTP1] health and ready answer', async () => {
  expect((await fetch(`${server.url}/health`)).status).toBe(200);
  expect((await fetch(`${server.url}/ready`)).status).toBe(200);
});

test('[HTTP2] metrics are Prometheus text for loopback', async () => {
  const answer = await fetch(`${server.url}/metrics`);
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toMatch(/^text\/plain/);
  expect(await answer.text()).toMatch(/^really_connections\S* \d+$/m);
});

test('[HTTP3] any origin may call, without cookies', async () => {
  const answer = await fetch(`${server.url}/auth/anonymous`, {
    method: 'OPTIONS',
    headers: { origin: 'https://a.example', 'access-control-request-method': 'POST' },
  });
  expect(answer.headers.get('access-control-allow-origin')).toMatch(/^(\*|https:\/\/a\.example)$/);
  expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
});

test.each([
  '/auth/anonymous',
  '/auth/anonymous/',
  '/auth/anonymous/login',
  '/auth/anonymous/login/',
])(
  '[AUT1] POST %s gives a token that initializes, with the body as data and an end in a day',
  async (path) => {
    const answer = await fetch(server.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"nick":"amal"}',
    });
    expect(answer.status).toBe(200);
    const body = (await answer.json()) as { authType: string; accessToken: string };
    expect(Object.keys(body).sort()).toEqual(['accessToken', 'authType']);
    expect(body.authType).toBe('anonymous');
    using client = await Client.open(server.socketUrl);
    const hello = await client.request({ cmd: 'initialize', accessToken: body.accessToken });
    expect(hello.body.user.authType).toBe('anonymous');
    expect(hello.body.user.data).toEqual({ nick: 'amal' });
    expect(hello.body.user).not.toHaveProperty('_r');
    const life = Date.parse(hello.body.expires) - Date.now();
    expect(life).toBeGreaterThan(86_000_000);
    expect(life).toBeLessThanOrEqual(86_400_000);
  },
);

test('[AUT1] no body is fine, and no content type', async () => {
  const answer = await fetch(`${server.url}/auth/anonymous`, { method: 'POST' });
  expect(answer.status).toBe(200);
});

test.each([
  ['[1]', 400],
  ['"text"', 400],
  ['{"a":', 400],
  [`{"a":"${'x'.repeat(2000)}"}`, 413],
])('[AUT1] [ERR1] the body %.12s is refused with %i', async (body, status) => {
  const answer = await fetch(`${server.url}/auth/anonymous`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  expect(answer.status).toBe(status);
  const { error } = (await answer.json()) as { error: { code: number; message: string } };
  expect(error.code).toBe(status);
  expect(error.message).toMatch(/^(request\.invalid|json\.malformed|message\.too\.large)$/);
});

test('[ERR3] an unknown path is a small JSON answer', async () => {
  const answer = await new Promise<{ status: number; text: string }>((resolve, reject) => {
    const call = request(`${server.url}/nothing/here?access_token=abc`, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    call.on('error', reject).end();
  });
  expect(answer.status).toBe(404);
  expect(answer.text).not.toMatch(/at |\/work|node_modules|access_token/);
});
