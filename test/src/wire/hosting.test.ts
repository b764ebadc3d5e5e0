import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sendRaw } from '../harness/raw-http.js';
import { signToken } from '../harness/token.js';
import { ask, connect, domain, hostedApps, hostOf, open, secrets, tokenOf } from './hosting-app.js';
import { wireServer } from './wire-server.js';

const serverSecret = 'the-secret-of-who-runs-the-server-0123456789';

const server = wireServer({ REALLY_SECRET: serverSecret }, hostedApps);

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

describe('which app a request is for', () => {
  test('[HOST1] the host says it, whatever its case and port', async () => {
    using first = await connect(server, 'A6BCC', 'u');
    expect(first.welcome.error?.message).toBeUndefined();
    using third = await connect(server, 'c', 'u');
    const make = { cmd: 'create', r: '/cards/1', body: { text: 'third' } };
    expect(await third.request(make)).toMatchObject({ body: { _rev: 1 } });
    expect(await first.request(make)).toMatchObject({ error: { message: 'model.unknown' } });
    const host = `C.${domain.toUpperCase()}:9000`;
    const card = await ask(server, host, '/v0.1/cards/1', { headers: bearer(tokenOf('c', 'u')) });
    expect([card.status, JSON.parse(card.text).body.text]).toEqual([200, 'third']);
  });

  test('[HOST1] files, documents and origins are those of the app', async () => {
    const page = await ask(server, hostOf('a6bcc'), '/');
    expect([page.status, page.text]).toEqual([200, '<title>the first app</title>']);
    expect((await ask(server, hostOf('b'), '/')).status).toBe(404);
    const document = async (app: string) => {
      const headers = { 'X-Really-Secret': secrets[app] ?? '' };
      const { text } = await ask(server, hostOf(app), '/openapi.json', { headers });
      return Object.keys(JSON.parse(text).paths);
    };
    expect((await ask(server, hostOf('c'), '/openapi.json')).status).toBe(403);
    expect((await document('c')).join()).toContain('/v0.1/cards');
    expect((await document('b')).join()).not.toContain('/v0.1/cards');
    const origin = async (app: string) =>
      (
        await ask(server, hostOf(app), '/v0.1/notes', {
          headers: { Origin: 'https://b.example' },
        })
      ).headers['access-control-allow-origin'];
    expect(await origin('a6bcc')).toBe('*');
    expect(await origin('b')).toBe('https://b.example');
  });

  test('[CON2] [HOST1] a version that is not supported is that under every host', async () => {
    for (const host of [hostOf('a6bcc'), hostOf('nobody')]) {
      const { status, text } = await ask(server, host, '/v9/socket');
      expect([status, text]).toEqual([
        400,
        '{"code":400,"reason":"protocol version is not supported"}',
      ]);
    }
  });

  const strangers = [hostOf('nobody'), domain, '127.0.0.1', 'a6bcc', `x.${hostOf('a6bcc')}`];
  test.each(strangers)('[HOST2] %s is 404, with and without an upgrade', async (host) => {
    const plain = `GET /v0.1/socket HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    const upgrade = [
      'GET /v0.1/socket HTTP/1.1',
      `Host: ${host}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      '\r\n',
    ].join('\r\n');
    for (const bytes of [plain, upgrade]) {
      const [answer] = await sendRaw(server.url, bytes);
      expect(answer?.status).toBe(404);
      expect(answer?.headers['content-type']).toBe('application/json');
      expect(JSON.parse(answer?.body ?? '')).toEqual({ code: 404, reason: expect.any(String) });
    }
    for (const path of ['/', '/v0.1/notes', '/auth/anonymous', '/openapi.json', '/index.html']) {
      const post = { method: 'POST', body: '{}', headers: bearer(tokenOf('a6bcc', 'u')) };
      for (const how of [{}, post]) {
        expect((await ask(server, host, path, how)).status).toBe(404);
      }
    }
  });

  test('[HOST2] health, readiness and metrics are the server’s, under every host', async () => {
    for (const host of [...strangers, hostOf('a6bcc'), hostOf('b')]) {
      for (const path of ['/health', '/ready']) {
        expect((await ask(server, host, path)).status).toBe(200);
      }
      const headers = { 'X-Really-Secret': serverSecret };
      expect((await ask(server, host, '/metrics', { headers })).status).toBe(200);
    }
    // What asks by a name of this machine comes from this machine.
    expect((await ask(server, '127.0.0.1', '/metrics')).status).toBe(200);
    expect((await ask(server, hostOf('a6bcc'), '/metrics')).status).toBe(403);
  });

  test('[HOST2] a proxy passes Host on; X-Forwarded-Host leads nowhere', async () => {
    const headers = { 'X-Forwarded-Host': hostOf('a6bcc') };
    expect((await ask(server, domain, '/', { headers })).status).toBe(404);
    const given = { 'X-Forwarded-Host': hostOf('nobody') };
    expect((await ask(server, hostOf('a6bcc'), '/', { headers: given })).status).toBe(200);
  });

  test('[HTTP2] metrics need the secret of the server, not that of an app', async () => {
    const passedOn = { 'X-Forwarded-For': '10.1.1.1' };
    const scrape = async (secret: string) =>
      (
        await ask(server, hostOf('a6bcc'), '/metrics', {
          headers: { ...passedOn, 'X-Really-Secret': secret },
        })
      ).status;
    expect(await scrape(secrets.a6bcc ?? '')).toBe(403);
    expect(await scrape(serverSecret)).toBe(200);
  });
});

describe('nothing of one app reaches another', () => {
  test('[HOST4] a token of one app is invalid in another', async () => {
    for (const [mine, other] of [
      ['a6bcc', 'b'],
      ['b', 'c'],
      ['c', 'a6bcc'],
    ] as const) {
      using client = await open(server, other);
      const accessToken = tokenOf(mine, 'u');
      const refused = await client.request({ cmd: 'initialize', accessToken });
      expect(refused.error).toMatchObject({
        code: 401,
        errors: { accessToken: ['token.invalid'] },
      });
      const rest = await ask(server, hostOf(other), '/v0.1/notes', {
        headers: bearer(accessToken),
      });
      expect(rest.status).toBe(401);
      const minted = await ask(server, hostOf(mine), '/auth/anonymous', { method: 'POST' });
      const { accessToken: anonymous } = JSON.parse(minted.text) as { accessToken: string };
      const again = await ask(server, hostOf(other), '/v0.1/notes', { headers: bearer(anonymous) });
      expect(again.status).toBe(401);
      const own = await ask(server, hostOf(mine), '/v0.1/notes', { headers: bearer(anonymous) });
      expect(own.status).toBe(200);
    }
  });

  test('[HOST4] the secret of one app opens nothing of another, and a revocation ends nothing there', async () => {
    const mint = (app: string, secret = '') =>
      ask(server, hostOf(app), '/auth/tokens', {
        method: 'POST',
        headers: { 'X-Really-Secret': secret },
        body: '{"uid":"minted"}',
      });
    expect((await mint('a6bcc', secrets.b)).status).not.toBe(200);
    expect((await mint('a6bcc', serverSecret)).status).not.toBe(200);
    expect((await mint('a6bcc', secrets.a6bcc)).status).toBe(200);
    using there = await connect(server, 'c', 'revoked');
    using here = await connect(server, 'a6bcc', 'revoked');
    const revoked = await ask(server, hostOf('a6bcc'), '/auth/tokens/revoke', {
      method: 'POST',
      headers: { 'X-Really-Secret': secrets.a6bcc ?? '' },
      body: '{"uid":"revoked"}',
    });
    expect(revoked.status).toBe(200);
    expect(await here.nextPush()).toEqual({ evt: 'token-expired' });
    expect(await there.request({ cmd: 'ping' })).toMatchObject({ evt: 'pinged' });
    using back = await connect(server, 'c', 'revoked');
    expect(back.welcome.evt).toBe('initialized');
  });

  test('[HOST4] an object of one app does not exist in another, and its changes are not pushed there', async () => {
    using a = await connect(server, 'a6bcc', 'u');
    using c = await connect(server, 'c', 'u');
    const watch = {
      cmd: 'subscribe',
      body: { subscriptions: [{ r: '/notes' }] },
    };
    await Promise.all([a.request(watch), c.request(watch)]);
    const query = { cmd: 'read', r: '/notes', cmdOpts: { subscribe: true } };
    await Promise.all([a.request(query), c.request(query)]);
    await a.request({ cmd: 'create', r: '/notes/own', body: { text: 'of a6bcc' } });
    expect(await a.nextPush()).toMatchObject({ evt: 'created' });
    expect(await c.pushesUntilNow()).toEqual([]);
    expect(await c.request({ cmd: 'get', r: '/notes/own' })).toMatchObject({
      error: { code: 404, message: 'object.missing' },
    });
    expect(await c.request({ cmd: 'count', r: '/notes' })).toMatchObject({
      body: { totalResults: 0 },
    });
    const made = await c.request({ cmd: 'create', r: '/notes/own', body: { text: 'of c' } });
    expect(made).toMatchObject({ body: { _rev: 1 } });
    expect(await a.request({ cmd: 'get', r: '/notes/own' })).toMatchObject({
      body: { text: 'of a6bcc' },
    });
  });

  test('[HOST4] a once-id of one app is free in another', async () => {
    using a = await connect(server, 'a6bcc', 'u');
    using c = await connect(server, 'c', 'u');
    const create = { cmd: 'create', r: '/notes', body: { text: 'x' }, cmdOpts: { once: 'same' } };
    expect(await a.request(create)).not.toHaveProperty('meta');
    expect(await c.request(create)).not.toHaveProperty('meta');
    expect(await a.request(create)).toMatchObject({ meta: { repeated: true } });
  });

  test('[HOST4] [RES4] a connection is resumed by its handle in its own app only', async () => {
    const a = await connect(server, 'a6bcc', 'u');
    const handle = a.welcome.body['connection-handle'] as string;
    a.socket.terminate();
    await a.closed;
    using c = await connect(server, 'c', 'u', { 'connection-handle': handle });
    expect(c.welcome.body.resumed).toBe(false);
    using again = await connect(server, 'a6bcc', 'u', { 'connection-handle': handle });
    expect(again.welcome.body.resumed).toBe(true);
  });

  test('[HOST4] [LIM5] the rate of a uid is counted in each app, by the rate of the app', async () => {
    using a = await connect(server, 'a6bcc', 'busy');
    using b = await connect(server, 'b', 'busy');
    const burst = async (client: typeof a, pings: number) => {
      const answers = await Promise.all(
        Array.from({ length: pings }, () => client.request({ cmd: 'ping' })),
      );
      return answers.filter(({ evt }) => evt === 'pinged').length;
    };
    const begun = performance.now();
    // Five more for each second that it takes.
    const answered = await burst(b, 60);
    expect(answered).toBeLessThan(20 + (5 * (performance.now() - begun)) / 1000);
    expect(await burst(a, 30)).toBe(30);
  });

  test('[HOST4] each app keeps its data for itself', () => {
    const database = (app: string) => join(server.folder.dir, 'data', app, 'really.db');
    expect([database('a6bcc'), database('b')].map(existsSync)).toEqual([true, true]);
    // That one is in memory.
    expect(existsSync(database('c'))).toBe(false);
  });

  test('[HOST6] log and metrics distinguish the apps', async () => {
    using a = await connect(server, 'a6bcc', 'u');
    await a.request({ cmd: 'ping' });
    await a.request({ cmd: 'count', r: '/notes', traceId: 'told-apart' });
    const { text } = await ask(server, '127.0.0.1', '/metrics');
    expect(text).toMatch(/^really_connections\{app="a6bcc"\} [1-9]/m);
    expect(text).toMatch(/^really_commands_total\{app="a6bcc",cmd="count",result="ok"\} [1-9]/m);
    const apps = new Set([...text.matchAll(/\bapp="([^"]*)"/g)].map(([, app]) => app));
    // What belongs to the server has none, which is an empty one.
    expect([...apps].sort()).toEqual(['', 'a6bcc', 'b', 'c']);
    const lines = () => server.process.output.stdout.split('\n').slice(0, -1);
    await expect
      .poll(() => lines().find((line) => line.includes('told-apart')))
      .toContain('"app":"a6bcc"');
  });

  test('[HOST1] [AUT2] a token with the secret of its app is good, as the app’s own servers sign it', async () => {
    const token = signToken({ uid: 'theirs' }, secrets.b);
    expect((await ask(server, hostOf('b'), '/v0.1/notes', { headers: bearer(token) })).status).toBe(
      200,
    );
  });
});
