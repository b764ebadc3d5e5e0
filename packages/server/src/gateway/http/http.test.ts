import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '@really/protocol';
import { afterEach, describe, expect, test } from 'vitest';
import type { Reply } from '../../commands/services.js';
import { silentLog } from '../../platform/log.js';
import { simulatedPlatform } from '../../platform/simulated.js';
import {
  noRates,
  openTestGateway,
  RawClient,
  type TestSetup,
  testSecret,
} from '../gateway.fixture.js';

const open: Awaited<ReturnType<typeof openTestGateway>>[] = [];

async function start(setup: TestSetup = {}) {
  const server = await openTestGateway(setup);
  open.push(server);
  const call = (path: string, init?: RequestInit) => fetch(`${server.url}${path}`, init);
  const post = (path: string, body?: string, headers: Record<string, string> = {}) =>
    call(path, { method: 'POST', body: body ?? null, headers });
  return { ...server, call, post };
}

afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

describe('anonymous tokens', () => {
  test('[AUT1] come from either path, with or without a trailing slash', async () => {
    const { post, tokens } = await start();
    for (const path of ['/auth/anonymous', '/auth/anonymous/login']) {
      for (const end of ['', '/', '?x=1']) {
        const response = await post(path + end);
        expect(response.status).toBe(200);
        const answer = (await response.json()) as { authType: string; accessToken: string };
        expect(Object.keys(answer)).toEqual(['authType', 'accessToken']);
        expect(answer.authType).toBe('anonymous');
        const verified = await tokens.verify(answer.accessToken);
        expect(verified).toMatchObject({ ok: true, auth: { authType: 'anonymous' } });
      }
    }
  });

  test('[AUT1] are valid for a day, each with its own uid', async () => {
    const platform = simulatedPlatform({ seed: 1 });
    const { post, tokens } = await start({ platform });
    const verify = async () => {
      const { accessToken } = (await (await post('/auth/anonymous')).json()) as Record<
        string,
        string
      >;
      const verified = await tokens.verify(accessToken);
      if (!verified.ok) throw new Error(verified.detail);
      return verified;
    };
    const [first, second] = [await verify(), await verify()];
    expect(first.auth.uid).not.toBe(second.auth.uid);
    expect(first.expires).toBe(platform.clock.now() + 86_400_000);
    expect(first.auth.data).toBe(undefined);
  });

  test('[AUT1] carry the body as data, whatever its Content-Type', async () => {
    const { post, tokens } = await start();
    const types = [{}, { 'content-type': 'application/json' }, { 'content-type': 'x/y;z' }];
    for (const headers of [...types, { 'content-type': 'application/x-www-form-urlencoded' }]) {
      const response = await post('/auth/anonymous', '{"name":"Amal","n":[1]}', headers);
      const { accessToken } = (await response.json()) as Record<string, string>;
      const verified = await tokens.verify(accessToken);
      expect(verified).toMatchObject({ ok: true, auth: { data: { name: 'Amal', n: [1] } } });
    }
  });

  test('[AUT1] a body of 1 KiB is accepted, one byte more is not', async () => {
    const { post } = await start();
    const body = (size: number) => JSON.stringify({ a: 'x'.repeat(size - 8) });
    expect((await post('/auth/anonymous', body(1024))).status).toBe(200);
    const response = await post('/auth/anonymous', body(1025));
    expect(response.status).toBe(413);
    expect(await response.json()).toEqual({ error: { code: 413, message: 'message.too.large' } });
  });

  test.each(['[]', 'null', '7', '"x"', '{', 'x', ' '])(
    '[AUT1] a body %j is refused',
    async (body) => {
      const { post } = await start();
      const response = await post('/auth/anonymous/login/', body);
      expect(response.status).toBe(400);
      expect(response.headers.get('content-type')).toBe('application/json');
      expect(await response.json()).toEqual({ error: { code: 400, message: 'json.malformed' } });
    },
  );

  test('[LIM5] 60 a minute from one address, then 429', async () => {
    const platform = simulatedPlatform({ seed: 1 });
    const rates = { ...noRates, signup: 3 };
    const { post } = await start({ platform, config: { rates } });
    for (let index = 0; index < 3; index++) await post('/auth/anonymous');
    const response = await post('/auth/anonymous/login');
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toBe('20');
    expect(await response.json()).toEqual({
      error: { code: 429, message: 'rate.limited' },
      meta: { retryAfter: 20 },
    });
    platform.advance(20_000);
    expect((await post('/auth/anonymous')).status).toBe(200);
  });
});

test('[LIM28] who goes on after refusals gets further ones late', async () => {
  const platform = simulatedPlatform({ seed: 1 });
  const waits: number[] = [];
  const { after } = platform.timers;
  platform.timers.after = (time, task) => {
    waits.push(time);
    return after.call(platform.timers, time, task);
  };
  const rates = { ...noRates, commands: 2 };
  const { call, post } = await start({ platform, config: { rates } });
  const { accessToken } = (await (await post('/auth/anonymous')).json()) as JsonObject;
  const headers = { authorization: `Bearer ${accessToken}` };
  const get = async () => (await call('/v0.1/users/1', { headers })).status;
  for (let n = 0; n < 2; n++) expect(await get()).not.toBe(429);
  for (let n = 0; n < 2; n++) expect(await get()).toBe(429);
  waits.length = 0;
  let status: number | undefined;
  const refused = get().then((late) => {
    status = late;
  });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  while (!waits.includes(1000) && status === undefined) await turn();
  expect(status).toBeUndefined();
  while (status === undefined) {
    platform.advance(1000);
    await turn();
  }
  await refused;
  expect(status).toBe(429);
});

describe('event streams', () => {
  test('[HTTP11] a comment is sent every 15 s, whatever else is sent', async () => {
    const platform = simulatedPlatform({ seed: 1 });
    const subscribe = () => Promise.resolve({ body: { body: { subscriptions: [] } } });
    const { call, tokens } = await start({ platform, commands: { subscribe } });
    const authorization = `Bearer ${await tokens.mint({ uid: 'amal' })}`;
    const headers = { authorization, accept: 'text/event-stream' };
    const response = await call('/v0.1/things/1', { headers });
    const reader = response.body?.getReader();
    const received = async () => Buffer.from((await reader?.read())?.value ?? []).toString();
    expect(await received()).toBe(': \n\n');
    platform.advance(14_999);
    platform.advance(1);
    expect(await received()).toBe(': \n\n');
    await reader?.cancel();
  });

  test('[HTTP11] a stream that is still opening gets no comment, and may be refused', async () => {
    const platform = simulatedPlatform({ seed: 1 });
    const openings: ((reply: Reply) => void)[] = [];
    const subscribe = () => new Promise<Reply>((resolve) => openings.push(resolve));
    const { call, tokens } = await start({ platform, commands: { subscribe } });
    const authorization = `Bearer ${await tokens.mint({ uid: 'amal' })}`;
    const hangUp = new AbortController();
    const ask = () =>
      call('/v0.1/things/1', {
        headers: { authorization, accept: 'text/event-stream' },
        signal: hangUp.signal,
      });
    const first = ask();
    await expect.poll(() => openings.length).toBe(1);
    openings[0]?.({ body: { body: { subscriptions: [] } } });
    expect((await first).status).toBe(200);
    const second = ask();
    await expect.poll(() => openings.length).toBe(2);
    platform.advance(15_000);
    const failure = { error: { code: 410, message: 'object.gone' } };
    openings[1]?.({ body: { body: { subscriptions: [], failures: [failure] } } });
    const refused = await second;
    expect([refused.status, await refused.json()]).toEqual([410, { r: '/things/1', ...failure }]);
    hangUp.abort();
  });

  test('[HTTP11] a client that leaves during opening is not a server error', async () => {
    const errors: unknown[] = [];
    const log = { ...silentLog, error: (fields: unknown) => errors.push(fields) };
    const openings: ((reply: Reply) => void)[] = [];
    const subscribe = () => new Promise<Reply>((resolve) => openings.push(resolve));
    const { port, tokens, live } = await start({ log, commands: { subscribe } });
    const client = new RawClient(port);
    const token = await tokens.mint({ uid: 'amal' });
    const lines = ['Host: x', `Authorization: Bearer ${token}`, 'Accept: text/event-stream'];
    client.write(['GET /v0.1/things/1 HTTP/1.1', ...lines, '', ''].join('\r\n'));
    await expect.poll(() => openings.length).toBe(1);
    client.socket.end();
    await expect.poll(() => live.dropped.length).toBe(1);
    openings[0]?.({ body: { body: { subscriptions: [] } } });
    await new Promise((resolve) => setImmediate(resolve));
    expect(errors).toEqual([]);
  });

  test('[HTTP11] [LIM6] nothing is left of a client that leaves before its token is verified', async () => {
    const subscribe = () => Promise.resolve({ body: { body: { subscriptions: [] } } });
    const { call, port, tokens } = await start({
      commands: { subscribe },
      limits: { connectionsPerAddress: 1 },
    });
    const token = await tokens.mint({ uid: 'amal' });
    const verify = tokens.verify.bind(tokens);
    let finish = () => {};
    const asked = new Promise<void>((started) => {
      tokens.verify = async (given) => {
        await new Promise<void>((resolve) => {
          finish = resolve;
          started();
        });
        return await verify(given);
      };
    });
    const headers = { authorization: `Bearer ${token}`, accept: 'text/event-stream' };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    const client = new RawClient(port);
    client.write(['GET /v0.1/things/1 HTTP/1.1', 'Host: x', ...lines, '', ''].join('\r\n'));
    await asked;
    client.socket.end();
    // The server has closed its side, and has cleaned up once it answers another client.
    await client.ended;
    await call('/health');
    tokens.verify = verify;
    finish();
    await verify(token);
    await call('/health');
    const hangUp = new AbortController();
    const response = await call('/v0.1/things/1', { headers, signal: hangUp.signal });
    expect(response.status).toBe(200);
    hangUp.abort();
  });
});

describe('health', () => {
  test('[HTTP1] always alive, and ready if the store is', async () => {
    let away = false;
    const { call } = await start({
      ready: () => (away ? Promise.reject(new Error('gone')) : Promise.resolve()),
    });
    const status = async (path: string) => (await call(path)).status;
    expect([await status('/health'), await status('/ready')]).toEqual([200, 200]);
    away = true;
    expect([await status('/health'), await status('/ready')]).toEqual([200, 503]);
    expect(await (await call('/ready')).json()).toEqual({ status: 'away' });
  });

  test('[HTTP1] a store that never answers is not ready', async () => {
    const platform = simulatedPlatform({ seed: 1 });
    const { call } = await start({ platform, ready: () => new Promise(() => {}) });
    const answer = call('/ready');
    while (platform.pending === 0) await new Promise((resolve) => setImmediate(resolve));
    platform.advance(2000);
    expect((await answer).status).toBe(503);
  });

  test('[HTTP1] an unknown path is a 404 in JSON', async () => {
    const { call, post } = await start();
    for (const response of [
      await call('/nothing'),
      await post('/auth/nothing'),
      await call('/%'),
    ]) {
      expect(response.status).toBe(404);
      expect(await response.json()).toEqual({ code: 404, reason: expect.any(String) });
    }
  });

  test('[HTTP4] an unsupported method is a 405 that names the supported ones', async () => {
    const { call, post } = await start();
    const cases: readonly [Response, string][] = [
      [await post('/health?x=1'), 'GET, HEAD, OPTIONS'],
      [await call('/ready', { method: 'PUT' }), 'GET, HEAD, OPTIONS'],
      [await call('/metrics', { method: 'PURGE' }), 'GET, HEAD, OPTIONS'],
      [await call('/openapi.json', { method: 'DELETE' }), 'GET, HEAD, OPTIONS'],
      [await call('/auth/anonymous/'), 'POST, OPTIONS'],
      [await call('/auth/refresh', { method: 'PUT' }), 'POST, OPTIONS'],
      [await call('/v0.1/things', { method: 'PUT', body: '{}' }), 'GET, HEAD, POST, OPTIONS'],
      [
        await call('/v0.1/things/1', { method: 'PUT', body: 'x'.repeat(3 * 2 ** 20) }),
        'GET, HEAD, POST, PATCH, DELETE, OPTIONS',
      ],
      [await call('/v0.1/a/*/b/_count'), 'POST, OPTIONS'],
    ];
    for (const [response, allowed] of cases) {
      expect([response.status, response.headers.get('allow')]).toEqual([405, allowed]);
      expect(await response.json()).toMatchObject({
        error: { code: 405, message: 'command.unknown' },
      });
    }
    const head = await call('/auth/anonymous', { method: 'HEAD' });
    expect([head.status, head.headers.get('allow')]).toEqual([405, 'POST, OPTIONS']);
  });

  test('[HTTP4] [DUR5] a header full of spaces costs no more than any other', async () => {
    const { call } = await start();
    const spaces = ' '.repeat(70_000);
    const before = process.cpuUsage();
    for (let index = 0; index < 3; index++) {
      for (const value of [`Basic x${spaces}y`, `Bearer x${spaces}y`, `Bearer${spaces}y`]) {
        const { status } = await call('/v0.1/things', { headers: { Authorization: value } });
        expect(status).toBe(401);
      }
    }
    // CPU seconds, which do not depend on other processes.
    expect(process.cpuUsage(before).user / 1e6).toBeLessThan(2);
  });

  test('[HTTP4] OPTIONS names the methods of a path', async () => {
    const { call } = await start();
    const allowed = async (path: string) => {
      const response = await call(path, { method: 'OPTIONS' });
      return [response.status, response.headers.get('allow')];
    };
    expect(await allowed('/v0.1/things/1?x')).toEqual([
      204,
      'GET, HEAD, POST, PATCH, DELETE, OPTIONS',
    ]);
    expect(await allowed('/v0.1/things')).toEqual([204, 'GET, HEAD, POST, OPTIONS']);
    expect(await allowed('/health')).toEqual([204, 'GET, HEAD, OPTIONS']);
    expect(await allowed('/auth/tokens')).toEqual([204, 'POST, OPTIONS']);
  });
});

describe('metrics', () => {
  test('[HTTP2] for this machine', async () => {
    const { call } = await start();
    const response = await call('/metrics');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4');
    expect(await response.text()).toContain('really_connections');
  });

  test('[HTTP2] not for requests through a proxy on this machine, except with the secret', async () => {
    for (const trustProxy of [[], ['127.0.0.1']]) {
      const { call } = await start({ config: { trustProxy } });
      const from = { 'x-forwarded-for': '1.2.3.4' };
      const refused = await call('/metrics', { headers: from });
      expect([refused.status, await refused.json()]).toEqual([
        403,
        { error: { code: 403, message: 'forbidden' } },
      ]);
      const status = async (secret: string) =>
        (await call('/metrics', { headers: { ...from, 'x-really-secret': secret } })).status;
      expect([await status(testSecret), await status('no'), await status('')]).toEqual([
        200, 403, 403,
      ]);
    }
  });

  test('[HTTP2] not for requests through a proxy on this machine that adds no header, except with the secret', async () => {
    const status = async (port: number, ...lines: string[]) => {
      const client = new RawClient(port);
      client.write([...lines, 'Connection: close', '', ''].join('\r\n'));
      return Number((await client.ended).split(' ')[1]);
    };
    const { port } = await start();
    const secret = `X-Really-Secret: ${testSecret}`;
    const asked = (host: string) => ['GET /metrics HTTP/1.1', `Host: ${host}`];
    expect(await status(port, ...asked(`127.0.0.1:${port}`))).toBe(200);
    expect(await status(port, ...asked('localhost'))).toBe(200);
    expect(await status(port, ...asked('api.example.com'))).toBe(403);
    expect(await status(port, ...asked('api.example.com'), secret)).toBe(200);
    expect(await status(port, 'GET /metrics HTTP/1.0', 'Host: 127.0.0.1')).toBe(403);
    const trusting = await start({ config: { trustProxy: ['127.0.0.1'] } });
    expect(await status(trusting.port, ...asked('localhost'))).toBe(403);
    expect(await status(trusting.port, ...asked('localhost'), secret)).toBe(200);
  });

  test('[HTTP2] for everybody if the app is configured so', async () => {
    const { call } = await start({ config: { metrics: 'public' } });
    const response = await call('/metrics', { headers: { 'x-forwarded-for': '1.2.3.4' } });
    expect(response.status).toBe(200);
  });
});

describe('browsers', () => {
  const preflight = { 'access-control-request-method': 'POST' };

  test('[HTTP3] any origin may call, without cookies', async () => {
    const { call, post } = await start();
    const response = await call('/auth/anonymous', {
      method: 'OPTIONS',
      headers: { origin: 'https://app.example', ...preflight },
    });
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(response.headers.get('access-control-allow-credentials')).toBe(null);
    const methods = response.headers.get('access-control-allow-methods');
    for (const method of ['GET', 'POST', 'PATCH', 'DELETE']) expect(methods).toContain(method);
    const allowed = response.headers.get('access-control-allow-headers');
    const headers = ['Authorization', 'If-Match', 'X-Really-Secret', 'Cache-Control'];
    const traced = ['traceparent', 'tracestate', 'baggage', 'sentry-trace', 'b3'];
    for (const name of [...headers, ...traced, 'x-datadog-trace-id', 'newrelic'])
      expect(allowed?.split(', ')).toContain(name);
    const answer = await post('/auth/anonymous', '{}', { origin: 'https://app.example' });
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
  });

  test('[HTTP3] a list narrows the origins', async () => {
    const { post } = await start({ config: { cors: ['https://app.example'] } });
    const allowed = async (origin: string) =>
      (await post('/auth/anonymous', '{}', { origin })).headers.get('access-control-allow-origin');
    expect(await allowed('https://app.example')).toBe('https://app.example');
    expect(await allowed('https://evil.example')).toBe(null);
  });

  test('[HTTP3] subdomains, apps and extensions can be listed', async () => {
    const cors = [
      'https://*.example.com',
      'https://*.example.org:8443',
      'capacitor://localhost',
      'safari-web-extension://e7b5a6c2-1111-4222-8333-444455556666',
      'null',
    ];
    const { call } = await start({ config: { cors } });
    const allowed = async (origin: string) => {
      const response = await call('/v0.1/things', {
        method: 'OPTIONS',
        headers: { origin, ...preflight },
      });
      expect(response.headers.get('vary')).toBe('Origin');
      return response.headers.get('access-control-allow-origin');
    };
    const good = [
      'https://a.example.com',
      'https://a.b.example.com',
      'https://a.example.org:8443',
      'capacitor://localhost',
      'safari-web-extension://E7B5A6C2-1111-4222-8333-444455556666',
      'null',
    ];
    for (const origin of good) expect(await allowed(origin)).toBe(origin);
    const others = [
      'https://example.com',
      'http://a.example.com',
      'https://a.example.com:444',
      'https://aexample.com',
      'https://a.example.com.evil.example',
      'https://evil.example/.example.com',
      'https://.example.com',
      'https://a.example.org',
      'ionic://localhost',
      'capacitor://localhost.evil',
    ];
    for (const origin of others) expect([origin, await allowed(origin)]).toEqual([origin, null]);
  });

  test('[HTTP1] [HTTP4] pages of the app are served to GET and HEAD, and nothing outside their folder', async () => {
    const publicDir = await mkdtemp(join(tmpdir(), 'really-public-'));
    await writeFile(join(publicDir, 'index.html'), '<p>hello');
    const { call } = await start({ config: { publicDir } });
    const page = await call('/');
    expect([page.status, await page.text()]).toEqual([200, '<p>hello']);
    expect(page.headers.get('x-content-type-options')).toBe('nosniff');
    for (const path of ['/..%2f..%2fetc/passwd', '/%2e%2e/x', '/missing.html']) {
      expect((await call(path)).status, path).toBeGreaterThanOrEqual(400);
    }
    expect((await call('/health')).status).toBe(200);
    for (const [path, status, allowed] of [
      ['/', 405, 'GET, HEAD, OPTIONS'],
      ['/index.html?x', 405, 'GET, HEAD, OPTIONS'],
      ['/nothing.html', 404, null],
      ['/../package.json', 404, null],
      ['/%', 404, null],
    ] as const) {
      for (const method of ['PUT', 'POST', 'DELETE', 'PROPFIND']) {
        const { status: answered, headers } = await call(path, { method });
        expect([path, method, answered, headers.get('allow')]).toEqual([
          path,
          method,
          status,
          allowed,
        ]);
      }
    }
    await rm(publicDir, { recursive: true });
  });
});
