import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AppFolder, appFolder } from '../../harness/app-folder.js';
import { claimsOf, post } from '../../harness/auth.js';
import { Client } from '../../harness/client.js';
import { startIssuer, type TestIssuer } from '../../harness/oidc.js';
import { ServerProcess, testSecret } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';
import { wireApp } from '../app.js';

let issuer: TestIssuer;
let folder: AppFolder;
let server: ServerProcess;

beforeAll(async () => {
  issuer = await startIssuer();
  folder = await appFolder({
    ...wireApp,
    'really.yaml': `rate: { signup: 0 }
auth:
  life: { oidc: 2d, anonymous: 2h }
  oidc:
    local: { issuer: "${issuer.url}", clientId: shop, data: [email, nothing], user: { name: name } }
    bare: { issuer: "http://127.0.0.1:1", clientId: shop }
`,
  });
  server = await ServerProcess.start({ dir: folder.dir });
});

afterAll(async () => {
  await server.kill();
  await issuer[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const logIn = (body: object) => post(`${server.url}/auth/oidc/login`, { body });

const now = () => Math.floor(Date.now() / 1000);

/** Claims of a good ID token. */
const good = () => ({
  iss: issuer.url,
  sub: 'sue',
  aud: 'shop',
  iat: now(),
  exp: now() + 60,
  name: 'Sue',
});

test('[AUT11] a login at the issuer is a user here, the same each time', async () => {
  const idToken = await issuer.logIn('amal', 'n-1');
  const { status, json } = await logIn({ provider: 'local', idToken, nonce: 'n-1' });
  expect([status, json.authType]).toEqual([200, 'oidc']);
  const { uid, _r, data, expires } = claimsOf(json.accessToken);
  expect(uid).toMatch(/^oidc-[\w-]{43}$/);
  expect({ _r, data }).toEqual({ _r: `/users/${uid}`, data: { email: 'amal@example.com' } });
  expect(Math.abs(Number(expires) - Date.now() - 2 * 86_400_000)).toBeLessThan(60_000);
  const client = await Client.connect(server.socketUrl, json.accessToken);
  const user = await client.request({ cmd: 'get', r: String(_r) });
  expect(user.body).toMatchObject({ name: 'Name of amal', _rev: 1 });
  const again = await issuer.logIn('amal', 'n-2');
  const second = await logIn({ issuer: issuer.url, idToken: again, nonce: 'n-2' });
  expect(claimsOf(second.json.accessToken)).toMatchObject({ uid, _r });
  const other = await issuer.logIn('beno', 'n-3');
  const third = await logIn({ provider: 'local', idToken: other, nonce: 'n-3' });
  expect(claimsOf(third.json.accessToken).uid).not.toBe(uid);
  const [a, b] = await Promise.all(
    ['n-4', 'n-4'].map(async () =>
      logIn({ provider: 'local', idToken: await issuer.sign({ ...good(), sub: 'twin' }) }),
    ),
  );
  expect([a?.status, b?.status]).toEqual([200, 200]);
  await client.request({ cmd: 'delete', r: String(_r) });
  const refresh = await post(`${server.url}/auth/refresh`, { token: json.accessToken });
  expect([refresh.status, refresh.json.error.errors]).toEqual([
    401,
    { accessToken: ['token.revoked'] },
  ]);
  const deleted = await logIn({ provider: 'local', idToken: again, nonce: 'n-2' });
  expect([deleted.status, deleted.json.error.message]).toEqual([403, 'forbidden']);
});

test('[AUT3] [AUT12] a refreshed token has the claims of the last login, and the life that is configured', async () => {
  const from = async (email: string) => {
    const idToken = await issuer.sign({ ...good(), sub: 'mover', email });
    const { json } = await logIn({ provider: 'local', idToken });
    return json.accessToken as string;
  };
  const first = await from('old@example.com');
  await from('new@example.com');
  const { json } = await post(`${server.url}/auth/refresh`, { token: first });
  const { uid, _r, data, expires } = claimsOf(json.accessToken);
  expect({ _r, data }).toEqual({ _r: `/users/${uid}`, data: { email: 'new@example.com' } });
  expect(Math.abs(Number(expires) - Date.now() - 2 * 86_400_000)).toBeLessThan(60_000);
  const anonymous = await post(`${server.url}/auth/anonymous`, {});
  const given = claimsOf(anonymous.json.accessToken);
  expect(Math.abs(Number(given.expires) - Date.now() - 7_200_000)).toBeLessThan(60_000);
});

test('[AUT11] an ID token that is not for this app, not good now, or not of this request is refused', async () => {
  const cases: readonly [string, object, string][] = [
    ['another issuer', { iss: 'https://other.example' }, 'token.invalid'],
    ['a slash too many', { iss: `${issuer.url}/` }, 'token.invalid'],
    ['no issuer', { iss: undefined }, 'token.invalid'],
    ['another audience', { aud: 'else' }, 'token.invalid'],
    ['no audience', { aud: undefined }, 'token.invalid'],
    ['many audiences, of nobody', { aud: ['shop', 'else'] }, 'token.invalid'],
    ['many audiences, of another', { aud: ['shop', 'else'], azp: 'else' }, 'token.invalid'],
    ['made for another', { azp: 'else' }, 'token.invalid'],
    ['many audiences, one of them twice', { aud: ['shop', 'shop', 'else'] }, 'token.invalid'],
    ['over', { exp: now() - 60 }, 'token.expired'],
    ['endless', { exp: undefined }, 'token.invalid'],
    ['of the future', { iat: now() + 300 }, 'token.invalid'],
    ['of no time', { iat: undefined }, 'token.invalid'],
    ['not good yet', { nbf: now() + 300 }, 'token.invalid'],
    ['of nobody', { sub: undefined }, 'token.invalid'],
    ['of a number', { sub: 7 }, 'token.invalid'],
    ['of a long name', { sub: 'x'.repeat(256) }, 'token.invalid'],
    ['a logout token', { events: {} }, 'token.invalid'],
    ['of another request', { nonce: 'theirs' }, 'nonce.invalid'],
  ];
  for (const [name, claims, problem] of cases) {
    const idToken = await issuer.sign({ ...good(), ...claims });
    const { status, json, headers } = await logIn({ provider: 'local', idToken });
    expect([name, status, json.error]).toEqual([
      name,
      401,
      { code: 401, message: 'credentials.invalid', errors: { idToken: [problem] } },
    ]);
    expect(headers.get('www-authenticate')).toBe('Bearer');
  }
  const fine: readonly object[] = [
    {},
    { aud: ['shop'] },
    { aud: ['shop', 'else'], azp: 'shop' },
    { exp: now() - 5 },
    { iat: now() + 5 },
  ];
  for (const claims of fine) {
    const idToken = await issuer.sign({ ...good(), ...claims });
    expect([claims, (await logIn({ provider: 'local', idToken })).status]).toEqual([claims, 200]);
  }
  const idToken = await issuer.sign({ ...good(), nonce: 'mine' });
  for (const nonce of [undefined, 'theirs', '', 'mine ']) {
    const { json } = await logIn({ provider: 'local', idToken, nonce });
    expect(json.error.errors).toEqual({ idToken: ['nonce.invalid'] });
  }
  const unasked = await logIn({
    provider: 'local',
    idToken: await issuer.sign(good()),
    nonce: 'n',
  });
  expect(unasked.json.error.errors).toEqual({ idToken: ['nonce.invalid'] });
});

test('[AUT11] only a token that the issuer signed as an ID token is accepted', async () => {
  const idToken = await issuer.sign(good());
  const [header = '', claims = '', signature = ''] = idToken.split('.');
  const forged = Buffer.from(JSON.stringify({ ...good(), sub: 'admin' })).toString('base64url');
  const wrong = [
    `${header}.${forged}.${signature}`,
    `${header}.${claims}.`,
    signToken(good(), testSecret),
    signToken(good(), 'the secret of the client'),
    signToken(good(), testSecret, { alg: 'none' }),
    await issuer.sign(good(), { kid: 'one', typ: 'at+jwt' }),
    await issuer.sign(good(), { kid: 'one', typ: 'logout+jwt' }),
    '',
    'nonsense',
  ];
  for (const token of wrong) {
    const { status, json } = await logIn({ provider: 'local', idToken: token });
    expect([token, status, json.error.errors]).toEqual([
      token,
      401,
      { idToken: ['token.invalid'] },
    ]);
  }
  // And it is no token of this server.
  const refused = await post(`${server.url}/auth/refresh`, { token: idToken });
  expect(refused.json.error.errors).toEqual({ accessToken: ['token.invalid'] });
});

test('[AUT11] missing members are reported, and an unreachable issuer is unavailable', async () => {
  const idToken = await issuer.sign(good());
  const cases: readonly [object, number, object | undefined][] = [
    [{ idToken }, 400, { provider: ['provider.unknown'] }],
    [{ provider: 'else', idToken }, 400, { provider: ['provider.unknown'] }],
    [{ provider: 'local' }, 400, { idToken: ['expected.string'] }],
    [{ provider: 'local', idToken, nonce: 7 }, 400, { nonce: ['expected.string'] }],
    [{ provider: 'bare', idToken }, 503, undefined],
  ];
  for (const [body, code, errors] of cases) {
    const { status, json } = await logIn(body);
    expect([status, json.error.errors]).toEqual([code, errors]);
  }
});
