import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { type AddressInfo, connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { Readings } from '../../platform/readings.fixture.js';
import { simulatedPlatform } from '../../platform/simulated.js';
import { systemPlatform } from '../../platform/system.js';
import { noMetricsText, openTestGateway, RawClient, upgradeRequest } from '../gateway.fixture.js';
import { maxPipelined } from '../http/http-output.js';
import { createHttpServer, httpTimeoutsFor } from './http-server.js';
import { Origins } from './origins.js';

test('[DUR5] a request that takes too long is cut off', async () => {
  const timeouts = {
    keepAliveTimeout: 50,
    keepAliveTimeoutBuffer: 10,
    headersTimeout: 50,
    requestTimeout: 100,
    connectionsCheckingInterval: 20,
  };
  const origins = new Origins(undefined);
  const { timers } = systemPlatform;
  const output = { inOrder: (listener: RequestListener) => listener };
  const options = { connections: 10, origins, timeouts, timers, output };
  const server = createHttpServer(options, () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.on('upgrade', (_request, socket) => socket.write('HTTP/1.1 101 Go on\r\n\r\n'));
  const { port } = server.address() as AddressInfo;
  const upgraded = new RawClient(port);
  upgraded.write(upgradeRequest());
  await upgraded.until((bytes) => bytes.includes('101'));
  const upgrade = new RawClient(port);
  upgrade.write('GET /v0.1/socket HTTP/1.1\r\nUpgrade: websocket\r\nX-Slow: ');
  const body = new RawClient(port);
  body.write('POST /auth/anonymous HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{');
  const unused = new RawClient(port);
  for (const answer of [await upgrade.ended, await body.ended]) {
    expect(answer).toMatch(/^HTTP\/1.1 408 /);
    expect(answer).toContain(
      '{"code":408,"reason":"the request took too long","error":{"code":408,"message":"request.timeout"}}',
    );
    expect(answer).toContain('Access-Control-Allow-Origin: *');
  }
  // On an unused connection, the client would take a response for that to its first request.
  expect(await unused.ended).toBe('');
  // An open WebSocket has other deadlines.
  expect(upgraded.socket.readyState).toBe('open');
  upgraded.socket.destroy();
  server.close();
});

test('[ERR2] requests that Node would refuse without a body are refused in JSON', async () => {
  const { gateway, port } = await openTestGateway();
  const answerTo = async (...lines: string[]) => {
    const client = new RawClient(port);
    client.write([...lines, '', ''].join('\r\n'));
    return await client.ended;
  };
  const hostless = await answerTo('GET /health HTTP/1.1');
  expect(hostless).toMatch(/^HTTP\/1.1 400 .*{"code":400,"reason":"the Host header is missing",/s);
  expect(hostless).toContain('"error":{"code":400,"message":"request.invalid"}}');
  expect(await answerTo('GET /health HTTP/1.0')).toMatch(/^HTTP\/1.1 200 /);
  const expecting = await answerTo('GET /health HTTP/1.1', 'Host: x', 'Expect: miracles');
  expect(expecting).toMatch(/^HTTP\/1.1 417 .*{"code":417,"reason":"[^"]+"}$/s);
  await gateway.close();
});

test('[LIM34] [HTTP13] requests with an unknown expectation wait for each other, too', async () => {
  const metrics = new Readings();
  const scraped = { ...noMetricsText, counter: metrics.counter.bind(metrics) };
  const gateway = await openTestGateway({ metrics: scraped });
  const client = new RawClient(gateway.port);
  const request = 'GET / HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n';
  client.write(request.repeat(maxPipelined + 2));
  await client.ended;
  expect(metrics.read('really_limit_refused_total limits.inFlight')).toBe(1);
  await gateway.close();
});

test('[HTTP13] pages of allowed origins can read refusals of malformed requests', async () => {
  const any = await openTestGateway();
  const narrowed = await openTestGateway({ config: { cors: ['https://*.example.com'] } });
  const answerTo = async (port: number, line: string, ...headers: string[]) => {
    const client = new RawClient(port);
    client.write([line, ...headers, '', ''].join('\r\n'));
    const [head = '', body = ''] = (await client.ended).split('\r\n\r\n');
    const origin = /^access-control-allow-origin: (.*)$/im.exec(head)?.[1];
    return { status: Number(head.split(' ')[1]), origin, head, body: JSON.parse(body) };
  };
  const page = 'Origin: https://app.example.com';
  const cases: readonly [string, readonly string[], number, string | undefined][] = [
    [`GET /v0.1/a?${'x'.repeat(200_000)} HTTP/1.1`, ['Host: x'], 431, 'headers.too.large'],
    ['GET / HTTP/1.1', ['Host: x', `X: ${'y'.repeat(100_000)}`], 431, 'headers.too.large'],
    ['GET / HTTP/7.3', [], 400, 'request.invalid'],
    ['nonsense', [], 400, 'request.invalid'],
    ['GET / HTTP/1.1', ['Content-Length: x'], 400, 'request.invalid'],
    ['GET / HTTP/1.1', ['Host x'], 400, 'request.invalid'],
    ['GET / HTTP/1.1', [], 400, 'request.invalid'],
    ['GET /health HTTP/1.1', ['Host: x', 'HOST: y'], 400, 'request.invalid'],
    ['GET /health HTTP/1.0', ['Host: x', 'Host: x'], 400, 'request.invalid'],
    ['BREW /v0.1/users HTTP/1.1', ['Host: x'], 405, 'command.unknown'],
    ['CONNECT x:443 HTTP/1.1', ['Host: x'], 405, 'command.unknown'],
    ['GET /v9/socket HTTP/1.1', ['Host: x', 'Connection: close'], 400, undefined],
    ['GET /v0.1/socket HTTP/1.1', ['Host: x', 'Connection: close'], 426, undefined],
    ['GET / HTTP/1.1', ['Host: x', 'Expect: miracles', 'Connection: close'], 417, undefined],
  ];
  for (const [line, headers, status, message] of cases) {
    const what = `${line.slice(0, 30)} ${headers.join().slice(0, 30)}`;
    const answer = await answerTo(any.port, line, page, ...headers);
    expect([what, answer.status, answer.body.code]).toEqual([what, status, status]);
    expect(answer.body.error?.message, what).toBe(message);
    expect(answer.head, what).toMatch(/content-type: application\/json/i);
    // No page can make a browser send CONNECT.
    if (line.startsWith('CONNECT')) continue;
    expect(answer.origin, what).toBe('*');
    const own = await answerTo(narrowed.port, line, page, ...headers);
    const other = await answerTo(narrowed.port, line, 'Origin: https://evil.example', ...headers);
    expect([what, other.status]).toEqual([what, status]);
    expect(other.head, what).toMatch(/^vary: origin/im);
    // Of a head that is too large only a part was read, and the origin may be in the rest.
    if (status === 431) expect(['*', 'https://app.example.com'], what).toContain(own.origin);
    else expect([what, own.origin, other.origin]).toEqual([what, page.slice(8), undefined]);
  }
  await Promise.all([any.gateway.close(), narrowed.gateway.close()]);
});

test('[HTTP13] a client that is still sending what is too long sees the response', async () => {
  const { gateway, port } = await openTestGateway();
  const failures: Error[] = [];
  const client = new RawClient(port);
  client.socket.on('error', (error) => failures.push(error));
  client.write(`GET /?${'x'.repeat(20 * 2 ** 20)}`);
  await client.until((bytes) => bytes.includes('headers.too.large'));
  await client.ended;
  expect(failures).toEqual([]);
  await gateway.close();
});

test('[HTTP15] a connection is kept open between requests for longer than clients are promised', async () => {
  const { gateway, port } = await openTestGateway({ config: { keepAlive: 1000 } });
  const client = new RawClient(port);
  client.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n');
  await client.until((bytes) => bytes.includes('alive'));
  const answered = performance.now();
  expect(client.text).toMatch(/^keep-alive: timeout=1\r$/im);
  await client.ended;
  expect(performance.now() - answered).toBeGreaterThan(2000);
  await gateway.close();
});

test('[HTTP15] a connection opened in advance lasts as long as an idle one between requests', () => {
  const seconds = 1000;
  for (const keepAlive of [1, 60, 75, 100].map((n) => n * seconds)) {
    const { headersTimeout: head, requestTimeout: request } = httpTimeoutsFor(keepAlive);
    expect(head).toBeGreaterThan(keepAlive);
    // Node enforces a minimum.
    expect(request).toBeGreaterThanOrEqual(head);
  }
  // A connection that never sends anything is closed in the end.
  expect(httpTimeoutsFor(3600 * seconds).headersTimeout).toBe(120 * seconds);
});

test('[SES12] a stopping server does not wait for unused connections', async () => {
  const platform = simulatedPlatform({ seed: 1 });
  const { gateway, port } = await openTestGateway({ platform });
  const [silent, slow] = [new RawClient(port), new RawClient(port)];
  slow.write('GET /health HTT');
  await Promise.all([once(silent.socket, 'connect'), once(slow.socket, 'connect')]);
  // Both have arrived by the time a later one is answered.
  const last = new RawClient(port);
  last.write('GET /health HTTP/1.0\r\n\r\n');
  await last.ended;
  // Time stands still, so no timeout fires.
  await gateway.close();
  expect([await silent.ended, await slow.ended]).toEqual(['', '']);
});

test('[SES12] a request in flight when the server stops is answered, and its connection then closed', async () => {
  const platform = simulatedPlatform({ seed: 1 });
  const { gateway, port } = await openTestGateway({ platform });
  const client = new RawClient(port);
  client.write('POST /auth/anonymous HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{');
  const last = new RawClient(port);
  last.write('GET /health HTTP/1.0\r\n\r\n');
  await last.ended;
  const closing = gateway.close();
  client.write('}');
  await client.until((bytes) => bytes.includes('accessToken'));
  const look = () => {
    platform.advance(10);
    return client.socket.readyState;
  };
  // Far less than the 8 s timeout.
  await expect.poll(look, { interval: 10 }).toBe('closed');
  expect(platform.clock.monotonic()).toBeLessThan(8000);
  await closing;
});

const hasOpenSsl = spawnSync('openssl', ['version']).status === 0;

/** A key and a self-signed certificate. */
function selfSigned(name: string): { key: string; cert: string } {
  const folder = mkdtempSync(join(tmpdir(), 'really-tls-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const made = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const about = ['-days', '2', '-subj', `/CN=${name}`, '-keyout', key, '-out', cert];
  execFileSync('openssl', ['req', ...made, ...about], { stdio: 'ignore' });
  const texts = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  rmSync(folder, { recursive: true });
  return texts;
}

test.skipIf(!hasOpenSsl)('[CON1] wss:// is served, and a renewed certificate is used', async () => {
  const { gateway, url, port } = await openTestGateway({ config: { tls: selfSigned('first') } });
  expect(url).toBe(`https://127.0.0.1:${port}`);
  const socket = new WebSocket(`wss://127.0.0.1:${port}/v0.1/socket`, {
    rejectUnauthorized: false,
  });
  await once(socket, 'open');
  const names = [await presented(port)];
  gateway.renewTls(selfSigned('second'));
  names.push(await presented(port));
  expect(names).toEqual(['first', 'second']);
  socket.send('{"tag":1,"cmd":"ping"}');
  const [answer] = await once(socket, 'message');
  expect(String(answer)).toContain('initialize.required');
  await gateway.close();
});

/** The certificate name that a new connection gets. */
async function presented(port: number): Promise<string | undefined> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}

test('[DUR5] a refused upgrade is cut off after 2 s, even if the client goes on sending', async () => {
  const platform = simulatedPlatform({ seed: 1 });
  const server = await openTestGateway({ platform });
  const client = connectTcp({ port: server.port, allowHalfOpen: true });
  client.on('error', () => {});
  client.write(upgradeRequest('/v9/socket'));
  client.resume();
  await once(client, 'end');
  platform.advance(2000);
  while (!client.destroyed) {
    client.write('x');
    await new Promise((resolve) => setImmediate(resolve));
  }
  await server.close();
});
