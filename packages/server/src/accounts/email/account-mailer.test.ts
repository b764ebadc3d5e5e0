import { expect, test } from 'vitest';
import { type AccountsApp, accountsApp, outcome, TestTransport } from '../accounts.fixture.js';

const amal = { email: 'amal@example.com', password: 'correct horse', name: 'Amal' };
const here = '127.0.0.1';
const hour = 3_600_000;

async function setUp() {
  const transport = new TestTransport();
  const app = await accountsApp({ transport });
  await app.accounts.signUp(amal, here);
  await transport.tried(1);
  return { ...app, transport };
}

const login = ({ accounts }: AccountsApp, password: string) =>
  outcome(accounts.logIn({ ...amal, password }, here));
const refused = (detail: string) => ({
  code: 401,
  message: 'link.invalid',
  errors: { token: [detail] },
});

/** Jobs on disk. */
async function left({ store, services }: AccountsApp): Promise<number> {
  await services.objects.drain();
  const scope = { names: ['_jobs'], parents: [] };
  const order = { keys: [{ field: '_r', descending: false }] };
  return await store.count({ scope, order, limit: 1, timeout: 1000 });
}

test('[MAIL1] the token of an email sets a password, once, and revokes all tokens', async () => {
  const app = await setUp();
  const { accounts, transport, revoked, audited } = app;
  expect(await accounts.requestReset({ email: 'AMAL@example.com' })).toEqual({});
  await transport.tried(2);
  expect(transport.emails[1]).toMatchObject({ kind: 'reset', to: amal.email });
  const token = transport.tokenOf('reset');
  expect(await accounts.reset({ token, password: 'new password' }, here)).toEqual({});
  expect(revoked).toEqual([transport.emails[1]?.uid]);
  expect(await login(app, amal.password)).toMatchObject({ code: 401 });
  expect(await login(app, 'new password')).toMatchObject({ authType: 'password' });
  const again = accounts.reset({ token, password: 'another password' }, here);
  expect(await outcome(again)).toMatchObject(refused('token.invalid'));
  await transport.tried(3);
  expect(transport.emails[2]).toMatchObject({ kind: 'changed', to: amal.email });
  expect(transport.emails[2]?.token).toBeUndefined();
  expect(audited).toContain('account.changed');
  // The token came by email, so the address is verified.
  expect(await dataOf(app, 'new password')).toEqual({ email: amal.email, emailVerified: true });
});

async function dataOf(app: AccountsApp, password: string): Promise<unknown> {
  const { accessToken } = await app.accounts.logIn({ ...amal, password }, here);
  const verified = await app.tokens.verify(accessToken);
  return verified.ok ? verified.auth.data : verified.detail;
}

test('[MAIL1] of many who use one token at once one sets the password', async () => {
  const app = await setUp();
  await app.accounts.requestReset(amal);
  await app.transport.tried(2);
  const token = app.transport.tokenOf('reset');
  const passwords = Array.from({ length: 10 }, (_, index) => `password ${index}`);
  const outcomes = await Promise.all(
    passwords.map((password) => outcome(app.accounts.reset({ token, password }, here))),
  );
  const winners = passwords.filter((_, index) => !('code' in (outcomes[index] as object)));
  expect(winners).toHaveLength(1);
  expect(app.revoked).toHaveLength(1);
  expect(await login(app, winners[0] ?? '')).toMatchObject({ authType: 'password' });
});

test('[MAIL1] a token expires after an hour, and an invalid one costs no hash', async () => {
  const app = await setUp();
  const { accounts, transport, platform, hasher } = app;
  await accounts.requestReset(amal);
  await transport.tried(2);
  const token = transport.tokenOf('reset');
  platform.advance(hour);
  hasher.asked.length = 0;
  const wrong = {
    [token]: 'token.expired',
    [`${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`]: 'token.invalid',
    [`${'0'.repeat(32)}.${'A'.repeat(32)}`]: 'token.invalid',
    [transport.tokenOf('verify')]: 'token.invalid',
    nonsense: 'token.invalid',
  };
  for (const [given, detail] of Object.entries(wrong)) {
    const reset = accounts.reset({ token: given, password: 'new password' }, here);
    expect(await outcome(reset)).toMatchObject(refused(detail));
  }
  expect(hasher.asked).toEqual([]);
  const weak = accounts.reset({ token, password: 'short' }, here);
  expect(await outcome(weak)).toMatchObject({ errors: { password: ['password.too.short'] } });
});

test('[MAIL3] a request looks up no account: it does the same for every address', async () => {
  const app = await setUp();
  const { accounts, transport, services, store } = app;
  // Only what the request itself does is left.
  await accounts.close();
  const asked: string[] = [];
  const { head } = services.objects;
  services.objects.head = (r) => {
    asked.push(r);
    return head.call(services.objects, r);
  };
  const before = await store.position();
  for (const email of ['amal@example.com', 'nobody@example.com', 'no address']) {
    expect(await accounts.requestReset({ email })).toEqual({});
  }
  expect([asked, (await store.position()) - before]).toEqual([[], 2]);
  const next = app.again(transport);
  await next.open();
  await transport.tried(2);
  await next.close();
  expect(transport.emails.map(({ kind }) => kind)).toEqual(['verify', 'reset']);
  expect(await left(app)).toBe(0);
});

test('[MAIL2] a signup sends an email whose token verifies the address, once', async () => {
  const app = await setUp();
  const { accounts, transport, audited } = app;
  expect(transport.emails).toMatchObject([{ kind: 'verify', to: amal.email }]);
  expect(await dataOf(app, amal.password)).toMatchObject({ emailVerified: false });
  const token = transport.tokenOf('verify');
  expect(await accounts.verify({ token }, here)).toEqual({});
  expect(await dataOf(app, amal.password)).toMatchObject({ emailVerified: true });
  expect(await outcome(accounts.verify({ token }, here))).toMatchObject(refused('token.invalid'));
  expect(audited.filter((event) => event === 'account.changed')).toHaveLength(1);
});

test('[MAIL2] another email can be requested until the address is verified, but only with an account', async () => {
  const { accounts, transport, platform } = await setUp();
  const uid = transport.emails[0]?.uid ?? '';
  await accounts.requestVerification({ uid });
  await transport.tried(2);
  platform.advance(24 * hour);
  const old = accounts.verify({ token: transport.tokenOf('verify') }, here);
  expect(await outcome(old)).toMatchObject(refused('token.expired'));
  await accounts.requestVerification({ uid });
  await transport.tried(3);
  await accounts.verify({ token: transport.tokenOf('verify') }, here);
  await accounts.requestVerification({ uid });
  await accounts.close();
  expect(transport.attempts).toBe(3);
  for (const other of ['stranger', '../users', 'a/b', '']) {
    const asked = outcome(accounts.requestVerification({ uid: other }));
    expect(await asked).toMatchObject({ code: 403 });
  }
});

test('[MAIL3] nobody’s mailbox is flooded: five emails of a kind whose tokens are valid', async () => {
  const { accounts, transport, platform } = await setUp();
  for (let index = 0; index < 8; index++) await accounts.requestReset(amal);
  await transport.tried(6);
  await settle(() => accounts.requestReset(amal), 20);
  expect(transport.attempts).toBe(6);
  // Each of the five is valid.
  const first = transport.emails[1]?.token ?? '';
  platform.advance(hour);
  await accounts.requestReset(amal);
  await transport.tried(7);
  expect(first).not.toBe(transport.tokenOf('reset'));
});

/** Lets everything that was begun run for some ticks. */
async function settle(work: () => Promise<unknown>, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) await work();
}

test('[MAIL4] an email that cannot be sent is retried with growing delays, and sent once', async () => {
  const app = await setUp();
  const { accounts, transport, platform } = app;
  transport.failures = ['now', 'now', 'now'];
  await accounts.requestReset(amal);
  const rests = [5, 15, 60];
  for (const [index, rest] of rests.entries()) {
    await transport.tried(2 + index);
    expect(await left(app)).toBe(1);
    while (platform.pending === 0) await new Promise((resolve) => setImmediate(resolve));
    platform.advance(rest * 1000 - 1);
    expect(transport.attempts).toBe(2 + index);
    platform.advance(1);
  }
  await transport.tried(5);
  await accounts.close();
  expect(await left(app)).toBe(0);
  expect(transport.emails.map(({ kind }) => kind)).toEqual(['verify', 'reset']);
  await accounts.reset({ token: transport.tokenOf('reset'), password: 'new password' }, here);
});

test('[MAIL4] an email that can never be sent is given up, and so is one after the last retry', async () => {
  const app = await setUp();
  const { accounts, transport, platform } = app;
  transport.failures = ['ever', ...Array<'now'>(9).fill('now')];
  await accounts.requestReset(amal);
  await transport.tried(2);
  await accounts.requestReset(amal);
  for (let attempt = 3; attempt <= 11; attempt++) {
    await transport.tried(attempt);
    while (attempt < 11 && platform.pending === 0) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (attempt < 11) platform.advance(hour);
  }
  await accounts.close();
  expect(await left(app)).toBe(0);
  expect(transport.attempts).toBe(11);
  expect(transport.emails).toHaveLength(1);
});

test('[MAIL4] jobs that a process did not finish are done by the next one', async () => {
  const transport = new TestTransport();
  const app = await accountsApp({ transport });
  // A process that starts no more jobs is as good as crashed.
  await app.accounts.close();
  await app.accounts.signUp(amal, here);
  await app.accounts.requestReset(amal);
  await app.accounts.requestReset({ email: 'nobody@example.com' });
  expect([transport.attempts, await left(app)]).toEqual([0, 3]);
  const next = app.again(transport);
  await next.open();
  await transport.tried(2);
  await next.close();
  expect(transport.emails.map(({ kind }) => kind).toSorted()).toEqual(['reset', 'verify']);
  expect(await left(app)).toBe(0);
});

test('[MAIL5] while too many emails wait a request is refused, and a signup sends none', async () => {
  const transport = new TestTransport();
  const app = await accountsApp({ transport, config: { pendingJobs: 2 } });
  await app.accounts.close();
  await app.accounts.requestReset(amal);
  await app.accounts.requestReset(amal);
  expect(await outcome(app.accounts.requestReset(amal))).toMatchObject({
    code: 503,
    meta: { retryAfter: 10 },
  });
  await app.accounts.signUp(amal, here);
  expect(await left(app)).toBe(2);
});

test('[PWD10] a user with the old password sets another; the tokens are revoked and a new one is returned', async () => {
  const app = await setUp();
  const { accounts, transport, revoked, tokens } = app;
  const uid = transport.emails[0]?.uid ?? '';
  const change = (body: object) =>
    outcome(accounts.changePassword({ ...body }, { uid }, { address: here }));
  expect(await change({ oldPassword: 'wrong', password: 'new password' })).toMatchObject({
    code: 401,
    errors: { oldPassword: ['credentials.invalid'] },
  });
  expect(await change({ oldPassword: amal.password, password: 'short' })).toMatchObject({
    code: 409,
    errors: { password: ['password.too.short'] },
  });
  expect(await change({ password: 'new password' })).toMatchObject({ code: 400 });
  expect(revoked).toEqual([]);
  const changed = await accounts.changePassword(
    { oldPassword: amal.password, password: 'new password' },
    { uid },
    { address: here },
  );
  expect(revoked).toEqual([uid]);
  expect(await tokens.verify(changed.accessToken)).toMatchObject({ ok: true, auth: { uid } });
  expect(await login(app, amal.password)).toMatchObject({ code: 401 });
  expect(await login(app, 'new password')).toMatchObject({ authType: 'password' });
  const stranger = accounts.changePassword(
    { oldPassword: amal.password, password: 'new password' },
    { uid: 'stranger' },
    { address: here },
  );
  expect(await outcome(stranger)).toMatchObject({ code: 403 });
});

test('[PWD10] a login that began under the old password gets no token that outlives it', async () => {
  const app = await setUp();
  const { accounts, transport, hasher, tokens } = app;
  const uid = transport.emails[0]?.uid ?? '';
  const mint = tokens.mint.bind(tokens);
  let changing: Promise<unknown> | undefined;
  tokens.mint = async (claims) => {
    // The password is changed after the login checked the old one, and before it responds.
    changing ??= accounts.changePassword(
      { oldPassword: amal.password, password: 'new password' },
      { uid },
      { address: here },
    );
    if (!hasher.asked.includes('changed')) {
      hasher.asked.push('changed');
      await changing;
    }
    return await mint(claims);
  };
  expect(await login(app, amal.password)).toMatchObject({
    code: 401,
    errors: { password: ['credentials.invalid'] },
  });
});

test('[MAIL4] tokens that could not be revoked with a new password are revoked later, by the next process too', async () => {
  const app = await setUp();
  const { accounts, transport, failures, revoked, platform } = app;
  const uid = transport.emails[0]?.uid ?? '';
  const change = (old: string, password: string) =>
    accounts.changePassword({ oldPassword: old, password }, { uid }, { address: here });
  failures.revocations = 1;
  await change(amal.password, 'second password');
  expect(revoked).toEqual([]);
  platform.advance(5000);
  while (revoked.length === 0) await new Promise((resolve) => setImmediate(resolve));
  failures.revocations = 1;
  await change('second password', 'third password');
  await accounts.close();
  expect([revoked, await left(app)]).toEqual([[uid], 1]);
  const next = app.again(transport);
  await next.open();
  await next.close();
  expect([revoked, await left(app)]).toEqual([[uid, uid], 0]);
});
