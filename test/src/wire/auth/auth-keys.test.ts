import { exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runProgram } from '../../cli/run-program.js';
import { type AppFolder, appFolder } from '../../harness/app-folder.js';
import { asApp, claimsOf } from '../../harness/auth.js';
import { Client } from '../../harness/client.js';
import { type JsonServer, jsonServer } from '../../harness/json-server.js';
import { ServerProcess, testSecret } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';
import { wireApp } from '../app.js';

/** Keys as another implementation makes them, and tokens as it signs them. */
async function pairOf(alg: string, kid: string) {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' };
  const sign = (claims: JWTPayload, header: object = { kid }) =>
    new SignJWT({ aud: 'shop', ...claims }).setProtectedHeader({ alg, ...header }).sign(privateKey);
  return { jwk, pem: await exportSPKI(publicKey), sign };
}

const oldSecret = 'the secret that signed before, with more than 32 characters';
const [rs, es, ed, remote, renewed] = await Promise.all([
  pairOf('RS256', 'rs'),
  pairOf('ES256', 'es'),
  pairOf('EdDSA', 'ed'),
  pairOf('RS256', 'remote-1'),
  pairOf('ES256', 'remote-2'),
]);

let keys: JsonServer;
let folder: AppFolder;
let server: ServerProcess;

beforeAll(async () => {
  keys = await jsonServer();
  keys.documents.set('/jwks', { keys: [remote.jwk] });
  folder = await appFolder({
    ...wireApp,
    'keys/rs.pem': rs.pem,
    'keys/es.json': JSON.stringify(es.jwk),
    'really.yaml': `auth:
  keys:
    - keys/rs.pem
    - file: keys/es.json
    - jwk: ${JSON.stringify(ed.jwk)}
    - secret: ${oldSecret}
  jwks: ${keys.url}/jwks
  audience: shop
`,
  });
  server = await ServerProcess.start({ dir: folder.dir });
});

afterAll(async () => {
  await server.kill();
  await keys[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

async function statusOf(token: string): Promise<string> {
  const client = await Client.open(server.socketUrl);
  const { body, error } = await client.request({ cmd: 'initialize', accessToken: token });
  client.close();
  return error?.errors?.accessToken?.join() ?? `good: ${body.user.uid}`;
}

test('[AUT9] tokens of every configured key are good, and of no other', async () => {
  for (const pair of [rs, es, ed, remote]) {
    expect(await statusOf(await pair.sign({ uid: 'u' }))).toBe('good: u');
    expect(await statusOf(await pair.sign({ uid: 'u' }, {}))).toBe('good: u');
    expect(await statusOf(await pair.sign({ uid: 'u', aud: 'else' }))).toBe('token.invalid');
    expect(await statusOf(await pair.sign({ uid: 'u', exp: 1 }))).toBe('token.expired');
  }
  const stranger = await pairOf('RS256', 'rs');
  expect(await statusOf(await stranger.sign({ uid: 'u' }))).toBe('token.invalid');
  for (const secret of [testSecret, oldSecret]) {
    expect(await statusOf(signToken({ uid: 'u', aud: 'shop' }, secret))).toBe('good: u');
    expect(await statusOf(signToken({ uid: 'u' }, secret))).toBe('token.invalid');
  }
  expect(await statusOf(signToken({ uid: 'u', aud: 'shop' }, rs.pem))).toBe('token.invalid');
});

test('[AUT9] [AUT6] tokens of others are revoked like the server’s own', async () => {
  const token = await es.sign({ uid: 'foreign', jti: 'x' });
  const client = await Client.connect(server.socketUrl, token);
  await asApp(`${server.url}/auth/tokens/revoke`, { token });
  expect(await client.nextPush()).toEqual({ evt: 'token-expired' });
  expect(await statusOf(token)).toBe('token.revoked');
  expect(await statusOf(await es.sign({ uid: 'foreign', jti: 'y' }))).toBe('good: foreign');
});

test('[AUT9] tokens of the server are for its audience, and signed with its secret', async () => {
  const { json } = await asApp(`${server.url}/auth/tokens`, { uid: 'u' });
  expect(claimsOf(json.accessToken).aud).toBe('shop');
  expect(await statusOf(json.accessToken)).toBe('good: u');
});

test('[AUT9] the publisher of keys changes them', async () => {
  const asked = keys.asked.length;
  keys.documents.set('/jwks', { keys: [renewed.jwk] });
  expect(await statusOf(await renewed.sign({ uid: 'u' }))).toBe('good: u');
  expect(await statusOf(await remote.sign({ uid: 'u' }))).toBe('token.invalid');
  keys.documents.set('/jwks', 500);
  expect(await statusOf(await renewed.sign({ uid: 'u' }))).toBe('good: u');
  expect(keys.asked.length - asked).toBeLessThanOrEqual(3);
});

test('[AUT9] a publisher that is away does not keep the server from starting', async () => {
  await using app = await appFolder({
    ...wireApp,
    'really.yaml': `auth: { jwks: "${keys.url}/later" }\n`,
  });
  await using started = await ServerProcess.start({ dir: app.dir });
  expect((await fetch(`${started.url}/ready`)).status).toBe(200);
});

test('[AUT9] a key that cannot be used stops the start with a line that names it', async () => {
  await using app = await appFolder({ ...wireApp, 'rs.pem': rs.pem, 'bad.pem': 'nonsense' });
  const start = async (env: Readonly<Record<string, string>>) =>
    await runProgram(['start', '--port', '0'], {
      dir: app.dir,
      env: { REALLY_SECRET: testSecret, ...env },
    });
  const files = await start({ REALLY_AUTH_KEYS: 'rs.pem,bad.pem,nowhere.pem' });
  expect(files.code).toBe(2);
  expect(files.stderr).toMatch(/auth\.keys\[1\] \(.*bad\.pem\) holds no key\n/);
  expect(files.stderr).toMatch(/auth\.keys\[2\] \(.*nowhere\.pem\) cannot be read/);
  expect(files.stderr).not.toContain('auth.keys[0]');
  const list = [{ secret: 'short' }, { ...rs.jwk, use: 'enc' }, rs.jwk];
  const inline = await start({ REALLY_AUTH_KEYS: JSON.stringify(list) });
  expect(inline.stderr).toMatch(/auth\.keys\[0\] is shorter than 32 bytes\n/);
  expect(inline.stderr).toMatch(/auth\.keys\[1\] is not for signatures\n/);
  const config = await start({
    REALLY_AUTH_KEYS: '[{"sekret":"do not tell"}]',
    REALLY_AUTH_JWKS: 'http://keys.example/jwks',
  });
  expect(config.stderr).toContain('REALLY_AUTH_KEYS: expected a list of keys');
  expect(config.stderr).toContain('REALLY_AUTH_JWKS: expected a list of https URLs');
  expect(config.stderr).not.toContain('do not tell');
});
