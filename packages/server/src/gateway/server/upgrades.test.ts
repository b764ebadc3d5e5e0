import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  heldCommand,
  openTestGateway,
  RawClient,
  serverFrames,
  TestClient,
  upgradeRequest,
} from '../gateway.fixture.js';

let server: Awaited<ReturnType<typeof openTestGateway>>;

beforeAll(async () => {
  server = await openTestGateway({ limits: { connections: 5, connectionsPerAddress: 3 } });
});
afterAll(() => server.gateway.close());

/** Sends bytes, and returns the response once the server has ended the connection. */
async function ask(request: string): Promise<{ status: number; head: string; body: string }> {
  const client = new RawClient(server.port);
  client.write(request);
  const [head = '', body = ''] = (await client.ended).split('\r\n\r\n');
  return { status: Number(head.split(' ')[1]), head: head.toLowerCase(), body };
}

const plain = (path: string, method = 'GET') =>
  `${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;

const unsupported = '{"code":400,"reason":"protocol version is not supported"}';

describe('an unsupported version', () => {
  const requests = [
    ...['/v9/socket', '/vfoo/socket', '/v/socket', '/v0.10/socket', '/v9/socket/?a=b'].flatMap(
      (path) => [upgradeRequest(path), plain(path), plain(path, 'POST')],
    ),
    upgradeRequest('/v9/socket', { 'Sec-WebSocket-Key': '' }),
    upgradeRequest('/v9/socket', { Upgrade: 'h2c' }),
  ];
  test.each(requests)('[CON2] %j', async (request) => {
    const { status, head, body } = await ask(request);
    expect([status, body]).toEqual([400, unsupported]);
    expect(head).toMatch(/^http\/1.1 400 bad request\r\n/);
    expect(head.split('\r\n')).toContain('content-type: application/json');
  });

  test('[CON2] a HEAD gets only the headers', async () => {
    for (const request of [plain('/v9/socket', 'HEAD'), plain('/v0.1/socket', 'HEAD')]) {
      const { head, body } = await ask(request);
      expect(head).toMatch(/content-type: application\/json/);
      expect(body).toBe('');
    }
  });
});

describe('a wrong request for the socket', () => {
  const refusedWith = async (request: string, code: number) => {
    const { status, head, body } = await ask(request);
    expect(head.split('\r\n')).toContain('content-type: application/json');
    expect([status, JSON.parse(body)]).toEqual([code, { code, reason: expect.any(String) }]);
    return head;
  };

  test('[CON3] without upgrade headers', async () => {
    const noConnection = upgradeRequest('/v0.1/socket', { Connection: 'close' });
    const requests = [
      plain('/v0.1/socket'),
      plain('/v0.1/socket/?x'),
      plain('/v0.1/socket', 'POST'),
      noConnection,
      upgradeRequest('/v0.1/socket', { Upgrade: 'h2c' }),
    ];
    for (const request of requests) {
      expect(await refusedWith(request, 426)).toContain('\r\nupgrade: websocket');
    }
  });

  test('[CON1] with an invalid handshake', async () => {
    await refusedWith(upgradeRequest('/v0.1/socket', { 'Sec-WebSocket-Key': '' }), 400);
    await refusedWith(upgradeRequest('/v0.1/socket', { 'Sec-WebSocket-Key': 'short' }), 400);
    await refusedWith(upgradeRequest('/v0.1/socket', { 'Sec-WebSocket-Protocol': ',,' }), 400);
    await refusedWith(upgradeRequest().replace('GET', 'POST'), 405);
    const old = upgradeRequest('/v0.1/socket', { 'Sec-WebSocket-Version': '7' });
    expect(await refusedWith(old, 426)).toContain('\r\nsec-websocket-version: 13');
  });

  test('[CON1] at an unknown path', async () => {
    for (const path of ['/', '/socket', '/v0.1/socket/x', '/health', '/%zz']) {
      await refusedWith(upgradeRequest(path), 404);
    }
  });
});

test('[CON1] every spelling of the path upgrades', async () => {
  for (const path of [
    '/v0.1/socket',
    '/v0.1/socket/',
    '/v0.1/socket?access_token=x',
    '/v0%2e1/socket',
  ]) {
    const client = new RawClient(server.port);
    client.write(upgradeRequest(path));
    await client.until((bytes) => bytes.includes('\r\n\r\n'));
    expect(client.text).toMatch(/^HTTP\/1.1 101 /);
    expect(client.text).not.toMatch(/permessage-deflate/i);
    client.socket.destroy();
    await client.ended;
  }
});

test('[CON6] a client that offers subprotocols gets the first of them', async () => {
  const chosen = async (offer: Record<string, string>) => {
    const client = new RawClient(server.port);
    client.write(upgradeRequest('/v0.1/socket', offer));
    await client.until((bytes) => bytes.includes('\r\n\r\n'));
    expect(client.text).toMatch(/^HTTP\/1.1 101 /);
    client.socket.destroy();
    await client.ended;
    return /^sec-websocket-protocol: (.*)\r$/im.exec(client.text)?.[1];
  };
  expect(await chosen({ 'Sec-WebSocket-Protocol': 'really.v0, json' })).toBe('really.v0');
  expect(await chosen({ 'Sec-WebSocket-Protocol': 'mqtt' })).toBe('mqtt');
  expect(await chosen({})).toBeUndefined();
});

test('[CON4] nothing is sent after the upgrade, and a frame sent along with it counts', async () => {
  const client = new RawClient(server.port);
  const ping = Buffer.from([0x89, 0x80, 0, 0, 0, 0]);
  client.write(Buffer.concat([Buffer.from(upgradeRequest()), ping]));
  await client.until((bytes) => bytes.indexOf('\r\n\r\n') + 6 <= bytes.length);
  const rest = client.bytes.subarray(client.bytes.indexOf('\r\n\r\n') + 4);
  expect(serverFrames(rest)).toEqual([{ opcode: 10, payload: Buffer.alloc(0) }]);
  client.socket.destroy();
  await client.ended;
});

describe('an upgrade to another protocol on another path', () => {
  const offer = { Upgrade: 'h2c', Connection: 'HTTP2-Settings, close, Upgrade', 'X-Trace-Id': 'é' };

  test('[HTTP1] is ignored', async () => {
    const { status, body } = await ask(upgradeRequest('/health', offer));
    expect([status, body]).toEqual([200, '{"status":"alive"}']);
  });

  test('[HTTP4] is ignored with any kind of body, too, and the connection goes on', async () => {
    const post = (headers: Record<string, string>) =>
      upgradeRequest('/auth/anonymous', { ...offer, Connection: 'Upgrade', ...headers }).replace(
        'GET',
        'POST',
      );
    const client = new RawClient(server.port);
    const answers = (count: number) =>
      client.until((bytes) => bytes.toString().split('"accessToken"').length > count);
    const whole = Buffer.from(`${post({ 'Content-Length': '10' })}{"a":"${'é'}"}`);
    client.write(whole.subarray(0, -3));
    client.write(whole.subarray(-3));
    await answers(1);
    client.write(`${post({ 'Transfer-Encoding': 'chunked' })}2\r\n{}\r\n0\r\n\r\n`);
    await answers(2);
    client.write(plain('/health'));
    expect(await client.ended).toContain('alive');
  });

  test('[LIM34] waits for the response to the request before it, and the connection goes on', async () => {
    const get = heldCommand({ body: { body: { _rev: 1, name: 'first' } } });
    const { gateway, port, tokens } = await openTestGateway({ commands: { get: get.command } });
    const client = new RawClient(port);
    const authorization = `Authorization: Bearer ${await tokens.mint({ uid: 'u' })}`;
    const first = `GET /v0.1/things/1 HTTP/1.1\r\nHost: x\r\n${authorization}\r\n\r\n`;
    const second = upgradeRequest('/health', { Upgrade: 'h2c', Connection: 'Upgrade' });
    client.write(first + second);
    await get.asked;
    get.answer();
    await client.until((bytes) => bytes.includes('alive'));
    expect(client.text).toMatch(/^HTTP\/1.1 200 .*"first".*HTTP\/1.1 200 .*"alive"/s);
    client.write(plain('/health'));
    expect((await client.ended).match(/"alive"/g)).toHaveLength(2);
    await gateway.close();
  });

  test('[HTTP11] a client that closes an event stream is noticed', async () => {
    const subscribe = () => Promise.resolve({ body: { body: { subscriptions: [] } } });
    const { gateway, port, tokens, live } = await openTestGateway({ commands: { subscribe } });
    const headers = {
      Accept: 'text/event-stream',
      Authorization: `Bearer ${await tokens.mint({ uid: 'u' })}`,
    };
    const client = new RawClient(port);
    client.write(upgradeRequest('/v0.1/things/1', { ...offer, ...headers }));
    await client.until((bytes) => bytes.includes(': \n\n'));
    client.socket.end();
    await expect.poll(() => live.dropped.length).toBe(1);
    await gateway.close();
  });
});

test('[LIM6] connections beyond the limit are refused, and freed capacity is used again', async () => {
  const clients = [];
  for (let index = 0; index < 3; index++) clients.push(await TestClient.open(server.url));
  const { status, head, body } = await ask(upgradeRequest());
  expect([status, JSON.parse(body)]).toEqual([503, { code: 503, reason: 'too many connections' }]);
  expect(head).toContain('content-type: application/json');
  for (const { socket, closed } of clients) {
    socket.close();
    await closed;
  }
  const again = await TestClient.open(server.url);
  again.socket.close();
  expect(await again.closed).toEqual({ code: 1005 });
});

describe('a malformed request', () => {
  test.each([
    'hello\r\n\r\n',
    '\x16\x03\x01\x02\x00',
    'GET\r\n\r\n',
    'GET / HTTP/9\r\n\r\n',
    `GET / HTTP/1.1\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`,
  ])('[DUR5] %.20j is refused and harms nothing else', async (bytes) => {
    const { status } = await ask(bytes);
    expect([400, 431]).toContain(status);
    expect((await ask(plain('/health'))).status).toBe(200);
  });
});
