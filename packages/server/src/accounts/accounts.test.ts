import { expect, test } from 'vitest';
import { SystemRecords } from '../objects/system-records.js';
import { simulatedPlatform } from '../platform/simulated.js';
import { emailR } from './account.js';
import {
  accountsApp,
  CountingHasher,
  outcome,
  TestTransport,
  usersModel,
} from './accounts.fixture.js';
import { parseEmail } from './email/email.js';
import { HashLimiter } from './passwords/hash-limiter.js';
import { privilegedWrites } from './privileged-writes.js';

const amal = { email: 'amal@example.com', password: 'correct horse', name: 'Amal' };
const here = '127.0.0.1';
const emailId = parseEmail(amal.email)?.id ?? '';
const wrong = {
  code: 401,
  message: 'credentials.invalid',
  errors: { password: ['credentials.invalid'] },
};

test('[PWD1] a signup makes the user’s object, validated as a create by that user', async () => {
  const { accounts, send } = await accountsApp();
  const { authType, user } = await accounts.signUp(amal, here);
  expect([authType, user.email]).toEqual(['password', amal.email]);
  const seen = await send({ uid: 'x', _r: user._r }, { cmd: 'get', r: user._r });
  expect(seen.body).toEqual({ _r: user._r, _rev: 1, email: amal.email, name: 'Amal' });
  expect((await send({ uid: 'x' }, { cmd: 'get', r: user._r })).error).toMatchObject({ code: 403 });
});

test('[PWD1] data that the model or its rule refuses makes no account, and hashes nothing', async () => {
  const { accounts, hasher } = await accountsApp();
  const nameless = { email: amal.email, password: amal.password };
  expect(await outcome(accounts.signUp(nameless, here))).toMatchObject({
    code: 409,
    errors: { name: ['value.required'] },
  });
  expect(await outcome(accounts.signUp({ ...amal, role: 'admin' }, here))).toMatchObject({
    errors: { role: ['field.unknown'] },
  });
  expect(await outcome(accounts.signUp({ ...amal, _r: '/users/1' }, here))).toMatchObject({
    code: 409,
  });
  expect(hasher.asked).toEqual([]);
  expect(await outcome(accounts.logIn(amal, here))).toMatchObject(wrong);
  const closed = await accountsApp({
    models: { users: usersModel.replace(/create: .*/, 'create: false') },
  });
  expect(await outcome(closed.accounts.signUp(amal, here))).toMatchObject({ code: 403 });
  const none = await accountsApp({ models: { things: usersModel } });
  expect(await outcome(none.accounts.signUp(amal, here))).toMatchObject({
    code: 404,
    message: 'model.unknown',
  });
});

test('[PWD1] the address is not written where the model has no field for it, or a calculated one', async () => {
  for (const email of [
    '',
    '  email: { type: Calculated, valueType: String, dependsOn: name, value: this.name }\n',
  ]) {
    const users = `version: 1\nfields:\n  name: { type: String }\n${email}access: { create: true, read: true }\n`;
    const { accounts, send } = await accountsApp({ models: { users } });
    const { user } = await accounts.signUp(amal, here);
    expect(user.email).toBe(amal.email);
    const { body } = await send({ uid: 'x' }, { cmd: 'get', r: user._r });
    expect(body).toMatchObject({ name: 'Amal' });
    expect(body).not.toMatchObject({ email: amal.email });
    expect(await accounts.logIn(amal, here)).toMatchObject({ authType: 'password' });
  }
});

test('[PWD2] auth.signup: false closes signup, and existing users can log in', async () => {
  const { accounts } = await accountsApp({ config: { signup: false } });
  expect(await outcome(accounts.signUp(amal, here))).toMatchObject({
    code: 403,
    message: 'forbidden',
  });
});

test('[PWD3] of many concurrent signups with one address one succeeds, for one hash', async () => {
  const { accounts, hasher, store } = await accountsApp();
  const spellings = ['amal@example.com', 'AMAL@EXAMPLE.COM', ' Amal@Example.com '];
  const signups = Array.from({ length: 50 }, (_, index) =>
    outcome(
      accounts.signUp({ ...amal, email: spellings[index % 3] ?? '', name: `${index}` }, here),
    ),
  );
  const outcomes = await Promise.all(signups);
  expect(
    outcomes.filter((result) => (result as { code?: number }).code === undefined),
  ).toHaveLength(1);
  const refused = { code: 409, errors: { email: ['value.not.unique'] } };
  expect(outcomes.filter((result) => (result as { code?: number }).code === 409)).toHaveLength(49);
  expect(outcomes.at(-1)).toMatchObject(refused);
  expect(hasher.asked).toEqual(['hash']);
  const scope = { names: ['users'], parents: [] };
  const order = { keys: [{ field: '_r', descending: false }] };
  expect(await store.count({ scope, order, limit: 1, timeout: 1000 })).toBe(1);
});

test('[PWD3] [PWD5] one account whatever the spelling, and one spelling in the token', async () => {
  const { accounts, tokens, send } = await accountsApp();
  const email = 'Amal@Stra\u00dfe.example';
  const { user } = await accounts.signUp({ ...amal, email }, here);
  const canonical = 'amal@xn--strae-oqa.example';
  expect(user.email).toBe(canonical);
  const seen = await send({ uid: 'x', _r: user._r }, { cmd: 'get', r: user._r });
  expect(seen.body).toMatchObject({ email: canonical });
  for (const spelling of ['amal@xn--strae-oqa.example.', 'AMAL@STRA\u1e9eE.EXAMPLE']) {
    expect(await outcome(accounts.signUp({ ...amal, email: spelling }, here))).toMatchObject({
      errors: { email: ['value.not.unique'] },
    });
    const { accessToken } = await accounts.logIn({ ...amal, email: spelling }, here);
    const verified = await tokens.verify(accessToken);
    expect(verified.ok && verified.auth.data).toEqual({ email: canonical, emailVerified: false });
  }
});

/** As accounts were stored while different spellings had different ids. */
async function formerAccount(app: Awaited<ReturnType<typeof accountsApp>>, email: string) {
  const { accounts, services } = app;
  const id = parseEmail(email)?.formerId ?? '';
  const made = parseEmail(`${id.slice(0, 32)}@example.com`)?.id ?? '';
  await accounts.signUp({ ...amal, email: `${id.slice(0, 32)}@example.com` }, here);
  const records = new SystemRecords(services.objects);
  const uid = String((await records.get(emailR(made)))?.uid);
  await records.put(`/_accounts/${uid}`, (held) => ({ ...held, email }));
  await services.objects.writeAll([], {
    erases: [emailR(made), emailR('claimed-2')],
  });
  await records.put(emailR(id), () => ({ uid }));
  return uid;
}

test('[PWD3] older accounts are found by every spelling, the older of two with one address first', async () => {
  const app = await accountsApp();
  await app.accounts.open();
  const first = await formerAccount(app, 'amal@b\u00fccher.example');
  await app.accounts.open();
  const uidBy = async (email: string) => {
    const { accessToken } = await app.accounts.logIn({ ...amal, email }, here);
    const verified = await app.tokens.verify(accessToken);
    return verified.ok ? verified.auth.uid : undefined;
  };
  const spellings = [
    'amal@b\u00fccher.example',
    'Amal@xn--bcher-kva.example',
    'amal@b\u00fccher.example.',
  ];
  for (const email of spellings) {
    expect(await uidBy(email)).toBe(first);
    expect(await outcome(app.accounts.signUp({ ...amal, email }, here))).toMatchObject({
      errors: { email: ['value.not.unique'] },
    });
  }
  const second = await formerAccount(app, 'amal@xn--bcher-kva.example.');
  await app.accounts.open();
  expect(await uidBy('amal@xn--bcher-kva.example.')).toBe(second);
  for (const email of spellings) expect(await uidBy(email)).toBe(first);
});

test('[PWD3] also before they are migrated, and nobody else can take their address', async () => {
  const app = await accountsApp();
  await app.accounts.open();
  await formerAccount(app, 'amal@example.com.');
  const email = 'amal@example.com.';
  expect(await app.accounts.logIn({ ...amal, email }, here)).toMatchObject({
    authType: 'password',
  });
  expect(await outcome(app.accounts.signUp({ ...amal, email }, here))).toMatchObject({
    errors: { email: ['value.not.unique'] },
  });
});

test('[PWD11] a deleted user cannot go on, and erasing the account revokes its tokens', async () => {
  const transport = new TestTransport();
  const { accounts, services, tokens, revoked, send } = await accountsApp({
    transport,
    models: { users: usersModel.replace('read:', 'delete: auth._r == obj._r\n  read:') },
  });
  const { user } = await accounts.signUp(amal, here);
  await transport.tried(1);
  const verify = transport.tokenOf('verify');
  await accounts.requestReset({ email: amal.email });
  await transport.tried(2);
  const reset = transport.tokenOf('reset');
  const { accessToken } = await accounts.logIn(amal, here);
  const verified = await tokens.verify(accessToken);
  if (!verified.ok) throw new Error(verified.detail);
  const { auth } = verified;
  const authority = privilegedWrites({ services, users: '/users' });
  expect(await authority.current(auth)).toEqual(auth);
  expect(await send(auth, { cmd: 'delete', r: user._r })).toEqual({ r: user._r });
  expect(await authority.current(auth)).toBeUndefined();
  const passwords = { oldPassword: amal.password, password: 'another horse' };
  expect(await outcome(accounts.changePassword(passwords, auth, { address: here }))).toMatchObject({
    code: 403,
  });
  expect(await outcome(accounts.requestVerification(auth))).toMatchObject({ code: 403 });
  const link = { code: 401, message: 'link.invalid' };
  expect(await outcome(accounts.verify({ token: verify }, here))).toMatchObject(link);
  const again = { token: reset, password: 'another horse' };
  expect(await outcome(accounts.reset(again, here))).toMatchObject(link);
  expect(revoked).toEqual([]);
  await accounts.signUp(amal, here);
  expect(revoked).toEqual([auth.uid]);
  expect(await authority.current(auth)).toBeUndefined();
});

test("[AUT12] a renewed token has the account's current data, and keeps what the app added", async () => {
  const transport = new TestTransport();
  const { accounts, services, tokens } = await accountsApp({ transport });
  const authority = privilegedWrites({ services, users: '/users' });
  await accounts.signUp(amal, here);
  await transport.tried(1);
  const { accessToken } = await accounts.logIn(amal, here);
  const verified = await tokens.verify(accessToken);
  if (!verified.ok) throw new Error(verified.detail);
  const { auth } = verified;
  const data = { email: amal.email, emailVerified: false };
  expect((await authority.current(auth))?.data).toEqual(data);
  await accounts.verify({ token: transport.tokenOf('verify') }, here);
  const now = { ...data, emailVerified: true };
  expect(await authority.current(auth)).toEqual({ ...auth, data: now });
  const minted = { ...auth, data: { ...data, role: 'editor' } };
  expect((await authority.current(minted))?.data).toEqual({ ...now, role: 'editor' });
  // For another authType, or a user who never had an account, the app knows best.
  for (const other of [
    { ...auth, authType: 'shop' },
    { uid: 'amal', authType: 'password', _r: '/users/amal', data },
    { uid: 'f'.repeat(32), authType: 'password' },
    { uid: 'x', authType: 'oidc', data: { email: 'x' } },
  ]) {
    expect(await authority.current(other)).toEqual(other);
  }
  // A token from a login whose account does not exist, after restoring a backup for example.
  expect(await authority.current({ ...auth, uid: 'f'.repeat(32) })).toBeUndefined();
  await authority.remember('oidc-1', { data: { email: 'new@example.com' }, r: '/users/oidc-1' });
  const oidc = { uid: 'oidc-1', authType: 'oidc', data: { email: 'old@example.com' } };
  expect(await authority.current(oidc)).toEqual({
    ...{ uid: 'oidc-1', authType: 'oidc', _r: '/users/oidc-1' },
    data: { email: 'new@example.com' },
  });
});

test('[PWD6] [PWD8] a wrong password and an unknown address take the same work and get the same response', async () => {
  const { accounts, hasher } = await accountsApp();
  await accounts.signUp(amal, here);
  const attempts = {
    verify: [{ email: amal.email, password: 'incorrect horse' }],
    "verify nobody's": [
      { email: 'nobody@example.com', password: amal.password },
      { email: 'no address at all', password: amal.password },
      { email: 'nobody', password: amal.password },
    ],
  };
  for (const [work, bodies] of Object.entries(attempts)) {
    for (const body of bodies) {
      hasher.asked.length = 0;
      expect(await outcome(accounts.logIn(body, here))).toEqual({
        ...wrong,
        meta: undefined,
      });
      expect(hasher.asked).toEqual([work]);
    }
  }
});

test('[PWD7] a login replaces a hash with outdated parameters, once', async () => {
  const { accounts, hasher } = await accountsApp();
  await accounts.signUp(amal, here);
  hasher.generation = 2;
  hasher.asked.length = 0;
  await accounts.logIn(amal, here);
  expect(hasher.asked).toEqual(['verify', 'hash']);
  await accounts.logIn(amal, here);
  expect(hasher.asked).toEqual(['verify', 'hash', 'verify']);
});

test('[PWD9] two hashes at once; others wait, and are refused where too many do', async () => {
  const { accounts, hasher } = await accountsApp({ config: { queuedHashes: 3 } });
  const open = hasher.hold();
  const logins = Array.from({ length: 7 }, () => outcome(accounts.logIn(amal, here)));
  const early = await Promise.race(logins);
  expect(early).toMatchObject({ code: 503, meta: { retryAfter: 1 } });
  open();
  const codes = (await Promise.all(logins)).map((result) => (result as { code: number }).code);
  expect(codes.toSorted()).toEqual([401, 401, 401, 401, 401, 503, 503]);
  expect(hasher.mostAtOnce).toBe(2);
});

test('[PWD9] the apps of one server share its limit of concurrent hashes', async () => {
  const hasher = new CountingHasher();
  const platform = simulatedPlatform({ seed: 1 });
  const serverHashes = new HashLimiter({ concurrency: 2, maxWaiting: 100, platform });
  const apps = await Promise.all([1, 2, 3].map(() => accountsApp({ hasher, serverHashes })));
  const open = hasher.hold();
  const logins = apps.flatMap(({ accounts }) =>
    Array.from({ length: 4 }, () => outcome(accounts.logIn(amal, here))),
  );
  // Ticks enough for each of the twelve to begin if it could.
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(hasher.running).toBe(2);
  open();
  expect(await Promise.all(logins)).toHaveLength(12);
  expect([hasher.asked.length, hasher.mostAtOnce]).toEqual([12, 2]);
});

test('[PWD9] a request that waits for 5 s is refused, and the next one goes on', async () => {
  const { accounts, hasher, platform } = await accountsApp({ config: { concurrentHashes: 1 } });
  await accounts.signUp(amal, here);
  const open = hasher.hold();
  const first = outcome(accounts.logIn(amal, here));
  const second = outcome(accounts.logIn(amal, here));
  while (platform.pending === 0) await new Promise((resolve) => setImmediate(resolve));
  platform.advance(5000);
  expect(await second).toMatchObject({ code: 503 });
  open();
  expect(await first).toMatchObject({ authType: 'password' });
  expect(await outcome(accounts.logIn(amal, here))).toMatchObject({ authType: 'password' });
});

test('[AUT10] signups and logins are audited, failures with the reason', async () => {
  const { accounts, audited } = await accountsApp();
  await accounts.signUp(amal, here);
  await outcome(accounts.signUp(amal, here));
  await accounts.logIn(amal, here);
  await outcome(accounts.logIn({ ...amal, password: 'incorrect' }, here));
  await outcome(accounts.logIn({ ...amal, email: 'nobody@example.com' }, here));
  expect(audited).toEqual([
    'signup.ok',
    'signup.failed: refused',
    'login.ok',
    'login.failed: password.wrong',
    'login.failed: account.unknown',
  ]);
});

test('[PWD11] deleting the user locks it out, and the address is free for another signup', async () => {
  const models = { users: usersModel.replace('read:', 'delete: auth._r == obj._r\n  read:') };
  const { accounts, audited, services, send, store } = await accountsApp({ models });
  const { user } = await accounts.signUp(amal, here);
  const first = await store.get(`/_emails/${emailId}`);
  await send({ uid: 'x', _r: user._r }, { cmd: 'delete', r: user._r });
  expect(await outcome(accounts.logIn(amal, here))).toMatchObject(wrong);
  expect(audited.at(-1)).toBe('login.failed: user.deleted');
  const again = await Promise.all(
    Array.from({ length: 10 }, () => outcome(accounts.signUp({ ...amal, name: 'B' }, here))),
  );
  expect(again.filter((result) => 'authType' in (result as object))).toHaveLength(1);
  expect(await outcome(accounts.logIn(amal, here))).toMatchObject({ authType: 'password' });
  const now = await store.get(`/_emails/${emailId}`);
  expect(now?.data.uid).not.toBe(first?.data.uid);
  // Nothing is left of the former account.
  await services.objects.drain();
  expect(await store.get(`/_accounts/${String(first?.data.uid)}`)).toBeUndefined();
});

test('[PWD7] a replaced hash is nowhere in the store', async () => {
  const { accounts, hasher, store } = await accountsApp();
  await accounts.open();
  await accounts.signUp(amal, here);
  hasher.generation = 2;
  await accounts.logIn(amal, here);
  const owner = await store.get(`/_emails/${emailId}`);
  const r = `/_accounts/${String(owner?.data.uid)}`;
  const scope = { names: ['_accounts'], parents: [] };
  const kept = JSON.stringify([
    await store.get(r),
    await store.history(r, 0, 10),
    await store.changes(scope, 0, 10),
    await store.created(scope, 0, 10),
  ]);
  expect(kept).toContain('plain:2:');
  expect(kept).not.toContain('plain:1:');
});
