import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { simulatedPlatform } from './simulated.js';
import { retryAfterOf, WebhookSender } from './standard-webhook.js';

const key = Buffer.from('a secret of the webhook, 32 bytes');
const message = { id: 'msg_1', type: 'order.paid', at: 1_700_000_000_123, data: { n: 1, é: null } };

/** A receiver that keeps what it gets, and answers with these headers and this status. */
async function receiver(status: number, headers: Record<string, string> = {}) {
  const received: { path: string; headers: Record<string, unknown>; body: string }[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString('utf8');
    received.push({ path: `${request.method} ${request.url}`, headers: request.headers, body });
    response.writeHead(status, headers).end('thanks');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`;
  const close = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { url, received, [Symbol.asyncDispose]: close };
}

test('[POST8] a message has the bytes and the signature of Standard Webhooks', async () => {
  await using app = await receiver(204);
  const platform = simulatedPlatform({ seed: 1 });
  const secrets = { [`whsec_${key.toString('base64')}`]: key, 'any other text': 'any other text' };
  for (const [secret, bytes] of Object.entries(secrets)) {
    const sender = new WebhookSender({ url: app.url, secret, timeout: 1000, platform });
    const result = await sender.send(message);
    expect(result).toEqual({ kind: 'answered', status: 204, retryAfter: undefined });
    const [got] = app.received.splice(0);
    const body =
      '{"type":"order.paid","timestamp":"2023-11-14T22:13:20.123Z","data":{"n":1,"é":null}}';
    const seconds = Math.floor(platform.clock.now() / 1000);
    const signature = createHmac('sha256', bytes).update(`msg_1.${seconds}.${body}`);
    expect(got).toMatchObject({
      path: 'POST /hooks',
      body,
      headers: {
        'content-type': 'application/json',
        'user-agent': 'really',
        'webhook-id': 'msg_1',
        'webhook-timestamp': String(seconds),
        'webhook-signature': `v1,${signature.digest('base64')}`,
      },
    });
  }
  const { url } = app;
  await new WebhookSender({ url, timeout: 1000, platform }).send(message);
  expect(app.received[0]?.headers).not.toHaveProperty('webhook-signature');
});

test('[POST9] a redirect is not followed, and its status and Retry-After are reported', async () => {
  await using target = await receiver(204);
  await using app = await receiver(302, { location: target.url, 'retry-after': '7' });
  const platform = simulatedPlatform({ seed: 1 });
  const sender = new WebhookSender({ url: app.url, timeout: 1000, platform });
  const result = await sender.send(message);
  expect(result).toEqual({ kind: 'answered', status: 302, retryAfter: 7000 });
  expect(target.received).toEqual([]);
});

test('[POST9] without a response the reason is reported: a timeout, an abort, a refused connection', async () => {
  const { url, ...app } = await receiver(204);
  await app[Symbol.asyncDispose]();
  const platform = simulatedPlatform({ seed: 1 });
  const sender = new WebhookSender({ url, timeout: 1000, platform });
  expect(await sender.send(message)).toEqual({ kind: 'failed', reason: 'ECONNREFUSED' });
  const silent = createServer(() => {});
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const port = (silent.address() as AddressInfo).port;
  const waiting = new WebhookSender({ url: `http://127.0.0.1:${port}`, timeout: 1000, platform });
  const late = { kind: 'failed', reason: 'no response within 1000 ms' };
  const sent = waiting.send(message);
  await once(silent, 'request');
  platform.advance(1000);
  expect(await sent).toEqual(late);
  const abort = new AbortController();
  const aborted = waiting.send(message, abort.signal);
  await once(silent, 'request');
  abort.abort();
  expect(await aborted).toEqual(late);
  silent.closeAllConnections();
  silent.close();
});

test('[POST9] [MAIL6] the status counts, also where the body of the response breaks off', async () => {
  const breaking = createServer(({ socket }, response) => {
    response.writeHead(200, { 'content-length': 100 }).write('more to', () => socket.destroy());
  });
  breaking.listen(0, '127.0.0.1');
  await once(breaking, 'listening');
  const url = `http://127.0.0.1:${(breaking.address() as AddressInfo).port}`;
  const platform = simulatedPlatform({ seed: 1 });
  const result = await new WebhookSender({ url, timeout: 1000, platform }).send(message);
  expect(result).toEqual({ kind: 'answered', status: 200, retryAfter: undefined });
  breaking.close();
});

test('[POST9] Retry-After is seconds or a date', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  expect(retryAfterOf('120', now)).toBe(120_000);
  expect(retryAfterOf('Thu, 01 Jan 2026 00:01:00 GMT', now)).toBe(60_000);
  expect(retryAfterOf('Wed, 31 Dec 2025 00:01:00 GMT', now)).toBe(0);
  expect(retryAfterOf('soon', now)).toBeUndefined();
  expect(retryAfterOf(null, now)).toBeUndefined();
});
