import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { simulatedPlatform } from '../platform/simulated.js';
import { openTestGateway, RawClient, upgradeRequest } from './gateway.fixture.js';
import { createHttpServer } from './http-server.js';

test('[DUR5] who takes for ever to say what it wants is not waited for', async () => {
  const patience = {
    headersTimeout: 50,
    requestTimeout: 100,
    keepAliveTimeout: 50,
    connectionsCheckingInterval: 20,
  };
  const server = createHttpServer({ connections: 10 }, () => {}, patience);
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
  for (const answer of [await upgrade.ended, await body.ended]) {
    expect(answer).toMatch(/^HTTP\/1.1 408 /);
    expect(answer).toContain('{"code":408,"reason":"the request took too long"}');
  }
  // What is a WebSocket by then has other deadlines.
  expect(upgraded.socket.readyState).toBe('open');
  upgraded.socket.destroy();
  server.close();
});

test('[ERR2] what Node would refuse without a word is refused in JSON', async () => {
  const { gateway, port } = await openTestGateway();
  const answerTo = async (...lines: string[]) => {
    const client = new RawClient(port);
    client.write([...lines, '', ''].join('\r\n'));
    return await client.ended;
  };
  const hostless = await answerTo('GET /health HTTP/1.1');
  expect(hostless).toMatch(/^HTTP\/1.1 400 .*{"code":400,"reason":"a request names its host"}$/s);
  expect(await answerTo('GET /health HTTP/1.0')).toMatch(/^HTTP\/1.1 200 /);
  const expecting = await answerTo('GET /health HTTP/1.1', 'Host: x', 'Expect: miracles');
  expect(expecting).toMatch(/^HTTP\/1.1 417 .*{"code":417,"reason":"[^"]+"}$/s);
  await gateway.close();
});

test('[SES12] a server that stops does not wait for who has not asked for anything', async () => {
  const platform = simulatedPlatform({ seed: 1 });
  const { gateway, port } = await openTestGateway({ platform });
  const [silent, slow] = [new RawClient(port), new RawClient(port)];
  slow.write('GET /health HTT');
  await Promise.all([once(silent.socket, 'connect'), once(slow.socket, 'connect')]);
  // Both have come in by the time that a later one is answered.
  const last = new RawClient(port);
  last.write('GET /health HTTP/1.0\r\n\r\n');
  await last.ended;
  // Time stands still: nothing is cut off because it took too long.
  await gateway.close();
  expect([await silent.ended, await slow.ended]).toEqual(['', '']);
});

test('[SES12] a request that is under way when the server stops is answered, and not waited for any longer', async () => {
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
  // Far less than the 8 s that it may take.
  await expect.poll(look, { interval: 10, timeout: 4000 }).toBe('closed');
  expect(platform.clock.monotonic()).toBeLessThan(8000);
  await closing;
});

const hasOpenSsl = spawnSync('openssl', ['version']).status === 0;

/** A key and a certificate that it signed itself. */
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

test.skipIf(!hasOpenSsl)('[CON1] wss:// is served, and a renewed certificate taken', async () => {
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

/** The name in the certificate that a new connection is shown. */
async function presented(port: number): Promise<string | undefined> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}
