import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { asApp, claimsOf, post } from '../../harness/auth.js';
import { Client } from '../../harness/client.js';
import { testSecret } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';
import { wireServer } from '../wire-server.js';

const server = wireServer({ REALLY_RATE_LOGIN: '0' });
/** Where half a minute passes until there is room for another wrong secret. */
const strict = wireServer({ REALLY_RATE_LOGIN: '2' });
const at = (path: string) => `${server.url}${path}`;
const day = 86_400_000;

const unauthorized = (detail: string) => ({
  error: {
    code: 401,
    message: 'invalid/incorrect/expired access token',
    errors: { accessToken: [detail] },
  },
});

/** What REST says of a token. */
async function statusOf(token: string): Promise<string> {
  const response = await fetch(at('/v0.1/users?limit=1'), {
    headers: { authorization: `Bearer ${token}` },
  });
  if (response.status === 200) return 'good';
  const { error } = (await response.json()) as {
    error: { errors: { accessToken: string[] } };
  };
  return error.errors.accessToken.join();
}

async function minted(order: object): Promise<string> {
  const { status, json } = await asApp(at('/auth/tokens'), order);
  expect(status).toBe(200);
  return json.accessToken;
}

test('[AUT3] a valid token is exchanged for one with the same claims and its own lifetime', async () => {
  const began = Date.now();
  const soon = 300_000;
  const cases: readonly [object, number | undefined][] = [
    [{ authType: 'anonymous', expires: began + soon }, day],
    [{ authType: 'password', expires: began + soon }, 7 * day],
    [{ authType: 'machine', expires: began + soon }, soon],
    [{ authType: 'machine' }, undefined],
  ];
  for (const [more, life] of cases) {
    const claims = { uid: 'renewer', _r: '/users/renewer', data: { plan: 'free' }, ...more };
    const old = await minted(claims);
    for (const path of ['/auth/refresh', '/auth/refresh/']) {
      const { status, json, headers } = await post(at(path), { token: old });
      expect(status).toBe(200);
      expect(headers.get('cache-control')).toBe('no-store');
      const { iat, jti, expires, ...same } = claimsOf(json.accessToken);
      const { iat: oldIat, jti: oldJti, expires: oldExpires, ...before } = claimsOf(old);
      expect(same).toEqual(before);
      expect(jti).not.toBe(oldJti);
      expect(iat).toBeGreaterThanOrEqual(Number(oldIat));
      if (life === undefined) expect(expires).toBeUndefined();
      // However long the requests have taken so far.
      else expect(Math.abs(Number(expires) - began - life)).toBeLessThan(4000 + Date.now() - began);
      expect(await statusOf(json.accessToken)).toBe('good');
    }
    expect(await statusOf(old)).toBe('good');
  }
});

test('[AUT3] a token of another issuer with more data than the server would mint is valid but not exchanged', async () => {
  const long = signToken({ uid: 'x', data: { text: 'y'.repeat(6000) } }, testSecret);
  expect(await statusOf(long)).toBe('good');
  const { status, json } = await post(at('/auth/refresh'), { token: long });
  expect([status, json.error.errors]).toEqual([400, { accessToken: ['too.long'] }]);
  const odd = signToken({ uid: 'x', iat: -1e308, expires: Date.now() + 60_000 }, testSecret);
  expect((await post(at('/auth/refresh'), { token: odd })).status).toBe(200);
});

test('[AUT3] without a valid token there is no new one', async () => {
  const cases: readonly [string | undefined, string][] = [
    [undefined, 'token.missing'],
    ['nonsense', 'token.invalid'],
    [signToken({ uid: 'u', expires: 1000 }, testSecret), 'token.expired'],
  ];
  for (const path of ['/auth/refresh', '/auth/logout']) {
    for (const [token, detail] of cases) {
      const { status, json, headers } = await post(at(path), token === undefined ? {} : { token });
      expect([status, json]).toEqual([401, unauthorized(detail)]);
      expect(headers.get('www-authenticate')).toBe('Bearer');
    }
  }
});

test('[AUT13] the secret may be in the body, and never in the URL', async () => {
  const order = { uid: 'bodily' };
  const { status, json } = await post(at('/auth/tokens'), {
    body: { ...order, secret: testSecret },
  });
  expect([status, claimsOf(json.accessToken).uid]).toEqual([200, 'bodily']);
  const made = await post(at('/auth/accounts/'), {
    body: { secret: testSecret, data: { name: 'Bodily' } },
  });
  expect([made.status, made.json]).toEqual([200, { _r: expect.stringMatching(/^\/users\/\d+$/) }]);
  const revoked = await post(at('/auth/tokens/revoke'), { body: { ...order, secret: testSecret } });
  expect([revoked.status, revoked.json]).toEqual([200, {}]);
  for (const secret of ['wrong', '', 7, null, [testSecret], undefined]) {
    const refused = await post(at('/auth/tokens'), {
      body: { ...order, ...(secret !== undefined && { secret }) },
    });
    expect([refused.status, refused.json.error.message]).toEqual([403, 'forbidden']);
  }
  const url = at(`/auth/tokens?secret=${testSecret}`);
  for (const more of [{}, { secret: testSecret }]) {
    const inUrl = await post(url, { ...more, body: order });
    expect([inUrl.status, inUrl.json.error.errors]).toEqual([400, { secret: ['not.in.url'] }]);
  }
  // A wrong one in the header is not made good by the body, and a large body is not read for it.
  const both = await post(at('/auth/tokens'), {
    secret: 'wrong',
    body: { ...order, secret: testSecret },
  });
  expect(both.status).toBe(403);
  const large = { ...order, secret: testSecret, more: 'x'.repeat(70_000) };
  expect((await post(at('/auth/tokens'), { body: large })).status).toBe(403);
  expect((await asApp(at('/auth/tokens'), large)).status).toBe(200);
  // A compressed one may be large.
  const compressed = async (more: Record<string, string>) => {
    const headers = { 'content-encoding': 'gzip', ...more };
    const body = gzipSync(JSON.stringify({ ...order, secret: testSecret }));
    return (await fetch(at('/auth/tokens'), { method: 'POST', headers, body })).status;
  };
  expect(await compressed({})).toBe(403);
  expect(await compressed({ 'x-really-secret': testSecret })).toBe(200);
});

test('[AUT5] logout revokes this token and no other, for good', async () => {
  const mine = await minted({ uid: 'leaver' });
  const other = await minted({ uid: 'leaver' });
  const bare = signToken({ uid: 'leaver' }, testSecret);
  for (const token of [mine, bare]) {
    expect(await post(at('/auth/logout/'), { token })).toMatchObject({ status: 200, json: {} });
    expect(await statusOf(token)).toBe('token.revoked');
    expect(await post(at('/auth/logout'), { token })).toMatchObject({
      status: 401,
      json: unauthorized('token.revoked'),
    });
  }
  expect(await statusOf(other)).toBe('good');
  const client = await Client.open(server.socketUrl);
  const answer = await client.request({ cmd: 'initialize', accessToken: mine });
  expect(answer).toMatchObject(unauthorized('token.revoked'));
  client.close();
});

test('[AUT4] the app mints tokens of any claims', async () => {
  const token = await minted({
    uid: 'made',
    authType: 'machine',
    expires: '2099-01-02T03:04:05Z',
    _r: '/users/made/',
    data: { role: 'robot' },
    ignored: 1,
  });
  const client = await Client.open(server.socketUrl);
  const { body } = await client.request({ cmd: 'initialize', accessToken: token });
  expect(body.user).toEqual({
    uid: 'made',
    authType: 'machine',
    _r: '/users/made',
    data: { role: 'robot' },
  });
  expect(body.expires).toBe('2099-01-02T03:04:05.000Z');
  client.close();
  for (const expires of [undefined, null, 0]) {
    expect(claimsOf(await minted({ uid: 'made', expires })).expires).toBeUndefined();
  }
});

test('[AUT4] an invalid token request is refused with the reason', async () => {
  const cases: readonly [unknown, Record<string, string[]>][] = [
    [{}, { uid: ['expected.string'] }],
    [
      { uid: 7, authType: [], expires: 'soon', _r: '/users', data: 'x' },
      {
        uid: ['expected.string'],
        authType: ['expected.string'],
        expires: ['expected.instant'],
        _r: ['expected.object.r'],
        data: ['expected.object'],
      },
    ],
    [{ uid: 'u', data: { x: 'y'.repeat(5000) } }, { data: ['too.large'] }],
    [{ uid: 'u'.repeat(257) }, { uid: ['too.long'] }],
    [{ uid: '\u0001'.repeat(256), data: { x: 'y'.repeat(4000) } }, { data: ['too.large'] }],
  ];
  for (const [body, errors] of cases) {
    const { status, json } = await asApp(at('/auth/tokens'), body);
    expect([status, json.error]).toEqual([400, { code: 400, message: 'request.invalid', errors }]);
  }
  const { status, json } = await asApp(at('/auth/tokens'), '{"uid"');
  expect([status, json.error.message]).toEqual([400, 'json.malformed']);
});

test('[AUT4] [AUT6] [AUT8] without the secret, or with another, nothing is done', async () => {
  const paths = ['/auth/tokens', '/auth/tokens/', '/auth/tokens/revoke', '/auth/accounts'];
  for (const path of paths) {
    for (const secret of [undefined, '', 'wrong', `${testSecret} `.slice(1), testSecret.slice(1)]) {
      const posted = { body: { uid: 'u', data: { name: 'x' } }, ...(secret && { secret }) };
      const { status, json } = await post(at(path), posted);
      expect([status, json]).toEqual([403, { error: { code: 403, message: 'forbidden' } }]);
    }
  }
});

test('[LIM5] guesses of the secret are limited, and who has it is let in', async () => {
  const url = `${strict.url}/auth/tokens`;
  const tries = Array.from({ length: 10 }, () => post(url, { secret: 'guess' }));
  const limited = (await Promise.all(tries)).filter(({ status }) => status === 429);
  expect(limited.length).toBeGreaterThanOrEqual(5);
  expect(limited[0]?.json.error.message).toBe('rate.limited');
  expect((await asApp(url, { uid: 'u' })).status).toBe(200);
});

test('[AUT6] the app revokes a token, or every token of a uid issued so far', async () => {
  const revoke = (body: object) => asApp(at('/auth/tokens/revoke'), body);
  const one = await minted({ uid: 'chased' });
  const two = await minted({ uid: 'chased' });
  expect(await revoke({ token: one })).toMatchObject({ status: 200, json: {} });
  expect(await revoke({ token: one })).toMatchObject({ status: 200, json: {} });
  expect([await statusOf(one), await statusOf(two)]).toEqual(['token.revoked', 'good']);
  const foreign = signToken({ uid: 'chased', iat: Math.floor(Date.now() / 1000) }, testSecret);
  const silent = signToken({ uid: 'chased', jti: 'x' }, testSecret);
  expect(await revoke({ uid: 'chased' })).toMatchObject({ status: 200, json: {} });
  const after = await minted({ uid: 'chased' });
  for (const token of [two, foreign, silent]) expect(await statusOf(token)).toBe('token.revoked');
  expect(await statusOf(after)).toBe('good');
  expect(await statusOf(await minted({ uid: 'unchased' }))).toBe('good');
  const refused: readonly [object, object][] = [
    [{}, { token: ['expected.string'] }],
    [{ token: 'x' }, { token: ['token.invalid'] }],
    [{ uid: 5 }, { uid: ['expected.string'] }],
  ];
  for (const [body, errors] of refused) {
    expect((await revoke(body)).json.error).toMatchObject({ code: 400, errors });
  }
});

test('[SES10] revocation ends sockets and streams at once, and their resumable sessions', async () => {
  const token = await minted({ uid: 'watched' });
  const spared = await Client.connect(server.socketUrl, await minted({ uid: 'watched' }));
  const client = await Client.connect(server.socketUrl, token);
  const dropped = await Client.open(server.socketUrl);
  const { body } = await dropped.request({ cmd: 'initialize', accessToken: token });
  dropped.socket.terminate();
  await dropped.closed;
  const stream = await fetch(`${at('/v0.1/users')}?access_token=${token}`, {
    headers: { accept: 'text/event-stream' },
  });
  expect(stream.status).toBe(200);
  const began = performance.now();
  await post(at('/auth/logout'), { token });
  expect(await client.nextPush()).toEqual({ evt: 'token-expired' });
  expect((await client.closed).code).toBe(1008);
  expect(await stream.text()).toContain('event: token-expired');
  // Sooner than anything that is done from time to time, such as the comments in a stream.
  expect(performance.now() - began).toBeLessThan(10_000);
  expect(await spared.pushesUntilNow()).toEqual([]);
  const heir = await Client.open(server.socketUrl);
  const resumed = await heir.request({
    cmd: 'initialize',
    accessToken: await minted({ uid: 'watched' }),
    'connection-handle': body['connection-handle'],
    received: 0,
  });
  expect(resumed.body.resumed).toBe(false);
  await asApp(at('/auth/tokens/revoke'), { uid: 'watched' });
  for (const one of [spared, heir]) {
    expect(await one.nextPush()).toEqual({ evt: 'token-expired' });
    expect((await one.closed).code).toBe(1008);
  }
});

test('[SES8] [SES10] a socket whose token was renewed outlives the old one', async () => {
  const token = await minted({ uid: 'renewing' });
  const client = await Client.connect(server.socketUrl, token);
  const { json } = await post(at('/auth/refresh'), { token });
  const renewed = await client.request({ cmd: 'initialize', accessToken: json.accessToken });
  expect(renewed.evt).toBe('initialized');
  await post(at('/auth/logout'), { token });
  expect(await client.pushesUntilNow()).toEqual([]);
  await post(at('/auth/logout'), { token: json.accessToken });
  expect(await client.nextPush()).toEqual({ evt: 'token-expired' });
});

test('[AUT8] the app makes a user, which is validated like any other object', async () => {
  const made = await asApp(at('/auth/accounts/'), { data: { name: 'Amal', age: 30 } });
  expect(made).toMatchObject({
    status: 200,
    json: { _r: expect.stringMatching(/^\/users\/\d+$/) },
  });
  const { json } = await asApp(at('/auth/tokens'), { uid: 'amal', _r: made.json._r });
  const client = await Client.connect(server.socketUrl, json.accessToken);
  const got = await client.request({ cmd: 'get', r: made.json._r });
  expect(got.body).toMatchObject({ name: 'Amal', age: 30, shout: 'HELLO AMAL' });
  const wrong = await asApp(at('/auth/accounts'), { data: { age: -1, nothing: 1 } });
  expect([wrong.status, wrong.json.error]).toMatchObject([
    409,
    {
      message: 'validation.failed',
      errors: { name: ['value.required'], nothing: ['field.unknown'] },
    },
  ]);
  for (const body of [{}, { data: [] }, { data: null }]) {
    expect((await asApp(at('/auth/accounts'), body)).json.error).toMatchObject({
      code: 400,
      errors: { data: ['expected.object'] },
    });
  }
});

test('[AUT5] [AUT6] [AUT7] a revocation survives a power loss right after its response', async () => {
  const one = await minted({ uid: 'durable' });
  const many = await minted({ uid: 'gone' });
  const kept = await minted({ uid: 'durable' });
  await asApp(at('/auth/tokens/revoke'), { uid: 'gone' });
  await post(at('/auth/logout'), { token: one });
  await server.restart();
  expect(await Promise.all([one, many, kept].map(statusOf))).toEqual([
    'token.revoked',
    'token.revoked',
    'good',
  ]);
  expect(await statusOf(await minted({ uid: 'gone' }))).toBe('good');
});

test('[AUT10] the audit log has the events, and no token and no secret', async () => {
  const token = await minted({ uid: 'audited' });
  await post(at('/auth/logout'), { token });
  await statusOf(token);
  const lines = () =>
    server.process.output.stdout
      .split('\n')
      .slice(0, -1)
      .filter((line) => line.includes('"audit":true'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const refusal = { event: 'token.refused', reason: 'token.revoked', address: '127.0.0.1' };
  await expect.poll(() => lines().at(-1)).toMatchObject(refusal);
  const events = lines().filter((line) => line.uid === 'audited');
  expect(events.map(({ event }) => event)).toEqual(['token.minted', 'token.revoked']);
  const { stdout, stderr } = server.process.output;
  for (const secret of [token, testSecret]) expect(stdout + stderr).not.toContain(secret);
  const metrics = await (await fetch(at('/metrics'))).text();
  expect(metrics).toMatch(/really_auth_events_total\{event="token\.revoked"\} [1-9]/);
});
