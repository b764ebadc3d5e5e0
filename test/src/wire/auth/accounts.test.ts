import fc from 'fast-check';
import { expect, test } from 'vitest';
import { appFolder } from '../../harness/app-folder.js';
import { Client } from '../../harness/client.js';
import { ServerProcess } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';
import { wireServer } from '../wire-server.js';
import { accountsApp, post, quickHashes } from './accounts-app.js';

const server = wireServer(
  {
    ...quickHashes,
    // No mail server accepts emails, and no request has to wait for that.
    REALLY_AUTH_MAIL_SMTP: 'smtp://127.0.0.1:1',
    REALLY_AUTH_MAIL_FROM: 'app@example.com',
  },
  accountsApp,
);

const signup = (body: unknown, path = '/auth/password/signup') =>
  post(`${server.url}${path}`, body);
const login = (body: unknown, path = '/auth/password/login') => post(`${server.url}${path}`, body);
const unauthorized = {
  error: {
    code: 401,
    message: 'credentials.invalid',
    errors: { password: ['credentials.invalid'] },
  },
};

test('[PWD1] [PWD5] a new user has an object, logs in and is that user', async () => {
  const amal = { email: 'Amal@example.com', password: 'correct horse', name: 'Amal' };
  const made = await signup(amal);
  expect(made.status).toBe(200);
  const { _r } = made.json.user;
  expect(_r).toMatch(/^\/users\/\d+$/);
  expect(made.json).toEqual({ authType: 'password', user: { _r, email: 'amal@example.com' } });
  expect(made.headers.get('cache-control')).toBe('no-store');
  const { status, json } = await login({ email: 'amal@EXAMPLE.com', password: 'correct horse' });
  expect(status).toBe(200);
  expect(json).toEqual({ authType: 'password', accessToken: expect.any(String) });
  const claims = JSON.parse(Buffer.from(json.accessToken.split('.')[1], 'base64url').toString());
  expect(claims.expires - claims.iat * 1000).toBeGreaterThan(7 * 86_400_000 - 1000);
  expect(claims.expires - claims.iat * 1000).toBeLessThan(7 * 86_400_000 + 2000);
  using client = await Client.open(server.socketUrl);
  const { body } = await client.request({ cmd: 'initialize', accessToken: json.accessToken });
  expect(body.user).toEqual({
    uid: _r.replace('/users/', ''),
    authType: 'password',
    _r,
    data: { email: 'amal@example.com', emailVerified: false },
  });
  const got = await client.request({ cmd: 'get', r: _r });
  expect(got.body).toEqual({ _r, _rev: 1, email: 'amal@example.com', name: 'Amal' });
});

test('[PWD1] [PWD5] userpass is another name of it in paths', async () => {
  const omar = { email: 'omar@example.com', password: 'correct horse', name: 'Omar' };
  const made = await signup(omar, '/auth/userpass/signup');
  expect([made.status, made.json.user.email]).toEqual([200, 'omar@example.com']);
  for (const path of ['/auth/userpass/login', '/auth/userpass/login/', '/auth/password/login']) {
    expect(await login(omar, path)).toMatchObject({ status: 200, json: { authType: 'password' } });
  }
});

test('[PWD1] no command reaches an account', async () => {
  using client = await server.as('one');
  for (const r of ['/_accounts', '/_emails', '/_accounts/nobody']) {
    const cmd = r.endsWith('nobody') ? 'get' : 'read';
    expect((await client.request({ cmd, r })).error).toMatchObject({ code: 404 });
  }
});

test('[PWD3] [PWD4] errors of address and password are reported together', async () => {
  const refused = async (body: object) => (await signup({ name: 'x', ...body })).json.error;
  expect(await refused({})).toEqual({
    code: 409,
    message: 'validation.failed',
    errors: { email: ['value.required'], password: ['value.required'] },
  });
  expect((await refused({ email: 1, password: {} })).errors).toEqual({
    email: ['type.invalid'],
    password: ['type.invalid'],
  });
  expect((await refused({ email: 'x', password: 'short' })).errors).toEqual({
    email: ['email.invalid'],
    password: ['password.too.short'],
  });
  const long = { email: 'long@example.com', password: 'x'.repeat(1025) };
  expect((await refused(long)).errors).toEqual({ password: ['password.too.long'] });
});

test('[PWD3] of fifty concurrent signups with one address one succeeds', async () => {
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, index) =>
      signup({
        email: index % 2 === 0 ? 'race@example.com' : 'RACE@example.com',
        password: `password ${index}`,
        name: `${index}`,
      }),
    ),
  );
  const made = answers.flatMap(({ status }, index) => (status === 200 ? [index] : []));
  expect(made).toHaveLength(1);
  const refused = answers.filter(({ status }) => status === 409);
  expect(refused).toHaveLength(49);
  expect(refused[0]?.json.error.errors).toEqual({ email: ['value.not.unique'] });
  const logins = await Promise.all(
    answers.map((_, index) => login({ email: 'race@example.com', password: `password ${index}` })),
  );
  expect(logins.flatMap(({ status }, index) => (status === 200 ? [index] : []))).toEqual(made);
});

test('[PWD1] a unique field of the model that is taken leaves no account behind', async () => {
  const one = { email: 'one@example.com', password: 'correct horse', name: 'One', nick: 'taken' };
  const two = { ...one, email: 'two@example.com' };
  expect((await signup(one)).status).toBe(200);
  expect((await signup(two)).json.error.errors).toEqual({ nick: ['value.not.unique'] });
  expect((await login(two)).status).toBe(401);
  expect((await signup({ ...two, nick: 'free' })).status).toBe(200);
  expect((await login(two)).status).toBe(200);
});

test('[PWD6] the same response, to the byte, for a wrong password and an unknown address', async () => {
  const known = { email: 'known@example.com', password: 'correct horse', name: 'K' };
  await signup(known);
  const wrong = await login({ ...known, password: 'incorrect horse' });
  const unknown = await login({ ...known, email: 'unknown@example.com' });
  const malformed = await login({ ...known, email: 'no address' });
  for (const { status, json, headers } of [wrong, unknown, malformed]) {
    expect([status, json]).toEqual([401, unauthorized]);
    expect([...headers.keys()]).toEqual([...wrong.headers.keys()]);
  }
  expect((await login({ email: 1, password: 'x' })).json.error).toEqual({
    code: 400,
    message: 'request.invalid',
    errors: { email: ['expected.string'] },
  });
});

test('[PWD1] the trailing slash is optional, and only POST is served', async () => {
  const body = { email: 'slash@example.com', password: 'correct horse', name: 'S' };
  expect((await signup(body, '/auth/password/signup/')).status).toBe(200);
  expect((await login(body, '/auth/password/login/')).status).toBe(200);
  expect((await fetch(`${server.url}/auth/password/login`)).status).toBe(405);
});

test('[PWD2] auth.signup: false closes signups, and not logins', async () => {
  await using folder = await appFolder(accountsApp);
  const body = { email: 'early@example.com', password: 'correct horse', name: 'E' };
  const open = await ServerProcess.start({ dir: folder.dir, env: quickHashes });
  expect((await post(`${open.url}/auth/password/signup`, body)).status).toBe(200);
  await open.stop();
  const env = { ...quickHashes, REALLY_AUTH_SIGNUP: 'false' };
  await using closed = await ServerProcess.start({ dir: folder.dir, env });
  const late = { ...body, email: 'late@example.com' };
  expect((await post(`${closed.url}/auth/password/signup`, late)).json).toEqual({
    error: { code: 403, message: 'forbidden' },
  });
  expect((await post(`${closed.url}/auth/password/login`, body)).status).toBe(200);
});

test('[LIM5] ten logins a minute from one address, to any account, and signups separately', async () => {
  await using folder = await appFolder(accountsApp);
  const env = { ...quickHashes, REALLY_RATE_LOGIN: '2' };
  await using limited = await ServerProcess.start({ dir: folder.dir, env });
  const statuses: number[] = [];
  // Half a minute until there is room again, which even a busy machine does not need for this.
  for (let index = 0; index < 2; index++) {
    const body = { email: `${index}@example.com`, password: 'x' };
    statuses.push((await post(`${limited.url}/auth/password/login`, body)).status);
  }
  expect(statuses).toEqual([401, 401]);
  const over = await post(`${limited.url}/auth/password/login`, {});
  expect(over.json).toEqual({
    error: { code: 429, message: 'rate.limited' },
    meta: { retryAfter: expect.any(Number) },
  });
  expect(over.json.meta.retryAfter).toBeLessThanOrEqual(30);
  const body = { email: 'x@example.com', password: 'correct horse', name: 'X' };
  expect((await post(`${limited.url}/auth/password/signup`, body)).status).toBe(200);
});

test('[PWD1] [DUR1] an account that was answered is there after kill -9, with its object', async () => {
  const body = (n: number) => ({
    email: `k${n}@example.com`,
    password: 'correct horse',
    name: 'K',
  });
  const answered: string[] = [];
  const signups = Array.from({ length: 200 }, async (_, n) => {
    const { status } = await signup(body(n));
    if (status === 200) answered.push(body(n).email);
    if (answered.length === 20) void server.process.kill();
  });
  await Promise.allSettled(signups);
  await server.restart();
  expect(answered.length).toBeGreaterThanOrEqual(20);
  for (let n = 0; n < 200; n++) {
    const { status, json } = await login(body(n));
    if (answered.includes(body(n).email)) expect(status).toBe(200);
    if (status !== 200) continue;
    // Both or none: every account has an object.
    const token = json.accessToken;
    const { _r } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());
    const got = await fetch(`${server.url}/v0.1${_r}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(got.status).toBe(200);
  }
});

test('[ERR2] every request gets a response of the protocol', async () => {
  const paths = [
    '/auth/password/signup',
    '/auth/password/login',
    '/auth/password/change',
    '/auth/password/reset/request',
    '/auth/password/reset',
    '/auth/email/verify/request',
    '/auth/email/verify',
  ];
  const token = signToken({ uid: 'somebody' });
  const texts = fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.jsonValue());
  const bodies = fc.oneof(
    fc.json(),
    fc.string({ unit: 'binary' }),
    fc
      .record(
        {
          email: fc.oneof(fc.emailAddress(), fc.string({ unit: 'binary' }), fc.jsonValue()),
          password: texts,
          oldPassword: texts,
          token: texts,
          name: fc.oneof(fc.string(), fc.jsonValue()),
          ['__proto__']: fc.jsonValue(),
        },
        { requiredKeys: [] },
      )
      .map((body) => JSON.stringify(body)),
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...paths), bodies, async (path, body) => {
      const { status, json } = await post(`${server.url}${path}`, body, {
        authorization: `Bearer ${token}`,
      });
      expect([200, 400, 401, 403, 409]).toContain(status);
      if (status !== 200) expect(json.error.code).toBe(status);
    }),
    { numRuns: 500 },
  );
});
