import type { JsonObject } from '@really/protocol';
import { exportSPKI, generateKeyPair, SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { runProgram } from '../../cli/run-program.js';
import { asApp, post } from '../../harness/auth.js';
import { Client } from '../../harness/client.js';
import { testSecret } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';
import { wireServer } from '../wire-server.js';

const formerSecret = 'the secret that signed before, with more than 32 characters';
const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });

const server = wireServer(
  { REALLY_RATE_COMMANDS: '0' },
  {
    'models/vaults/model.yaml': `version: 1
fields:
  owner: { type: String }
  code: { type: String, validation: value.length <= 9 }
  open: { type: Boolean }
  key: { type: reference, collectionR: /keys, fields: [secret] }
access:
  hidden: true
  create: input.owner == auth.uid
  read: obj.owner == auth.uid || obj.open == true
  update: obj.owner == auth.uid
  delete: obj.owner == auth.uid
`,
    'models/vaults/pre-get.js': 'if (obj.owner !== auth.uid) hide("code");',
    'models/vaults/pre-delete.js': 'if (obj.code === "keep") cancel(423, "vault.kept");',
    'models/vaults/on-validate.js': 'if (input.code === "no") cancel(409, "code.refused");',
    'models/keys/model.yaml': `version: 1
fields: { secret: { type: String } }
access: { create: true, read: false, update: false, delete: false }
`,
    'models/open/model.yaml': `version: 1
fields:
  n: { type: Long }
  rank: { type: Long, access: { write: false } }
  pay: { type: Long, access: { read: false } }
access: { create: true, read: true, update: auth.admin == true, delete: true }
`,
    'keys/es.pem': await exportSPKI(publicKey),
    'really.yaml': `auth:
  keys:
    - keys/es.pem
    - secret: ${formerSecret}
`,
  },
);

const asAdmin = (uid?: string) => server.as(uid ?? 'op', { admin: true });
const get = (client: Client, r: string) => client.request({ cmd: 'get', r });
const create = (client: Client, r: string, body: JsonObject) =>
  client.request({ cmd: 'create', r, body });
const set = (client: Client, r: string, rev: number, key: string, value: string) =>
  client.request({ cmd: 'update', r, rev, body: { ops: [{ op: 'set', key, value }] } });
const initialize = (client: Client, claims: JsonObject, more: JsonObject = {}) =>
  client.request({ cmd: 'initialize', accessToken: signToken(claims, testSecret), ...more });

async function vault(r: string, more: JsonObject = {}): Promise<void> {
  using owner = await server.as('owner');
  const body = { owner: 'owner', code: 'pearl', ...more };
  expect((await create(owner, r, body)).error).toBeUndefined();
}

interface AuditLine {
  readonly event: string;
  readonly uid?: string;
  readonly r?: string;
  readonly rev?: number;
  readonly rs?: string[];
  readonly cmd?: string;
  readonly shown?: unknown;
  readonly traceId?: string;
}

/** The lines of the audit log about a uid, once there are enough: a process's output comes late. */
async function audited(uid: string, count: number): Promise<AuditLine[]> {
  const lines = () =>
    server.process.output.stdout
      .split('\n')
      .filter((line) => line.includes('"audit":true') && line.includes('"admin.'))
      .map((line) => JSON.parse(line) as AuditLine)
      .filter((line) => line.uid === uid);
  await expect.poll(() => lines().length).toBeGreaterThanOrEqual(count);
  return lines();
}

describe('the rights of an admin', () => {
  test('[ADM8] no access rule is evaluated, and nothing is hidden', async () => {
    const r = '/vaults/a1';
    await vault(r);
    using other = await server.as('other');
    expect((await get(other, r)).error?.code).toBe(404);
    using admin = await asAdmin();
    expect((await get(admin, r)).body).toMatchObject({ owner: 'owner', code: 'pearl' });
    const read = { cmd: 'read', r: '/vaults', cmdOpts: { query: { filter: "code = 'pearl'" } } };
    expect((await other.request(read)).body.items).toEqual([]);
    const found = (await admin.request(read)).body.items as { body: JsonObject }[];
    expect(found.map(({ body }) => body._r)).toContain(r);
    const count = { ...read, cmd: 'count' };
    expect((await admin.request(count)).body.totalResults).toBe(found.length);
    const sorted = { cmd: 'read', r: '/vaults', cmdOpts: { sort: 'code' } };
    expect((await admin.request(sorted)).body.items.length).toBeGreaterThan(0);
    expect((await set(admin, r, 1, 'code', '99')).error).toBeUndefined();
    expect((await admin.request({ cmd: 'history', r })).body.entries).toMatchObject([
      { rev: 2, opBy: { uid: 'op', admin: true }, body: { code: { opValue: '99' } } },
      { rev: 1, opBy: { uid: 'owner' } },
    ]);
    expect((await admin.request({ cmd: 'delete', r })).error).toBeUndefined();
    expect((await get(admin, r)).error?.code).toBe(410);
    expect((await get(other, r)).error?.code).toBe(404);
  });

  test('[ADM8] references are followed, and may name what rules hide', async () => {
    using admin = await asAdmin();
    await create(admin, '/keys/k1', { secret: 's' });
    const body = { owner: 'nobody', key: '/keys/k1' };
    expect((await create(admin, '/vaults/a2', body)).error).toBeUndefined();
    expect((await get(admin, '/vaults/a2')).body.key.ref).toMatchObject({ secret: 's' });
  });

  test('[ADM8] fields are validated, and hooks may cancel', async () => {
    using admin = await asAdmin();
    const r = '/vaults/a3';
    const long = await create(admin, r, { code: '0123456789' });
    expect(long.error?.errors).toEqual({ code: ['validation.custom.failed'] });
    expect((await create(admin, r, { code: 'no' })).error?.message).toBe('code.refused');
    await create(admin, r, { code: 'keep' });
    expect((await admin.request({ cmd: 'delete', r })).error?.code).toBe(423);
    expect((await get(admin, '/_jobs/1')).error?.message).toBe('model.unknown');
    expect((await create(admin, '/_accounts/1', {})).error?.message).toBe('model.unknown');
  });

  test('[ADM1] [ADM8] auth.admin is there in rules, and only for admins', async () => {
    using admin = await asAdmin();
    using other = await server.as('other', { data: { admin: true } });
    await create(other, '/open/a4', { n: 1 });
    expect((await set(other, '/open/a4', 1, 'n', '2')).error?.code).toBe(403);
    const ops = [{ op: 'addNumber', key: 'n', value: 1 }];
    const update = { cmd: 'update', r: '/open/a4', rev: 1, body: { ops } };
    expect((await admin.request(update)).rev).toBe(2);
  });

  test('[ADM8] [FAC1] rules of fields are not evaluated either', async () => {
    using admin = await asAdmin();
    using other = await server.as('other');
    const r = '/open/ranked';
    expect((await create(other, r, { rank: 1 })).error?.code).toBe(403);
    expect((await create(admin, r, { rank: 1, pay: 2 })).error).toBeUndefined();
    expect((await get(admin, r)).body).toMatchObject({ rank: 1, pay: 2 });
    expect((await get(other, r)).body).not.toHaveProperty('pay');
    const paid = { cmd: 'count', r: '/open', cmdOpts: { query: { filter: 'pay = 2' } } };
    expect((await admin.request(paid)).body.totalResults).toBe(1);
    expect((await other.request(paid)).body.totalResults).toBe(0);
  });

  test('[ADM8] pushes show everything; others are not shown more for it', async () => {
    const r = '/vaults/a5';
    await vault(r, { open: true });
    using admin = await asAdmin();
    using other = await server.as('other');
    for (const client of [admin, other]) {
      await client.request({ cmd: 'subscribe', body: { subscriptions: [{ r }] } });
      await client.request({ cmd: 'read', r: '/vaults', cmdOpts: { subscribe: true } });
    }
    expect((await admin.nextPush()).body.code).toBe('pearl');
    expect((await other.nextPush()).body.code).toBeUndefined();
    using owner = await server.as('owner');
    await set(owner, r, 1, 'code', 'coral');
    await vault('/vaults/hidden');
    const pushed = [await admin.nextPush(), await admin.nextPush(), await admin.nextPush()];
    const evts = pushed.map(({ evt }) => evt).toSorted();
    expect(evts, JSON.stringify(pushed)).toEqual(['created', 'updated', 'updated']);
    expect(JSON.stringify(pushed).match(/coral/g)).toHaveLength(2);
    await set(owner, r, 2, 'owner', 'owner');
    const received = JSON.stringify([await other.nextPush(), await other.pushesUntilNow()]);
    expect(received).not.toMatch(/coral|pearl|hidden/);
  });
});

describe('the token', () => {
  const claimsOf = (body: JsonObject) => body.user as JsonObject;

  test('[ADM1] minted with the secret alone', async () => {
    const minted = async (body: JsonObject) => {
      const { json } = await asApp(`${server.url}/auth/tokens`, body);
      return String(json.accessToken);
    };
    const printed = await runProgram(['token', '--uid', 'op', '--admin'], {
      dir: server.folder.dir,
      env: { REALLY_SECRET: testSecret },
    });
    for (const token of [await minted({ uid: 'op', admin: true }), printed.stdout.trim()]) {
      using client = await Client.open(server.socketUrl);
      const { body } = await client.request({ cmd: 'initialize', accessToken: token });
      expect(claimsOf(body)).toMatchObject({ uid: 'op', admin: true });
    }
    using plain = await Client.open(server.socketUrl);
    const accessToken = await minted({ uid: 'op', admin: false });
    const { body } = await plain.request({ cmd: 'initialize', accessToken });
    expect(claimsOf(body)).not.toHaveProperty('admin');
    const wrong = await asApp(`${server.url}/auth/tokens`, { uid: 'op', admin: 'yes' });
    expect([wrong.status, wrong.json.error.errors]).toEqual([400, { admin: ['expected.boolean'] }]);
  });

  test('[ADM1] the claim means nothing in a token of another issuer, or of a former secret', async () => {
    await vault('/vaults/t1');
    const claims = { uid: 'op', admin: true, data: { admin: true } };
    const foreign = await new SignJWT(claims).setProtectedHeader({ alg: 'ES256' }).sign(privateKey);
    for (const token of [foreign, signToken(claims, formerSecret)]) {
      using client = await Client.connect(server.socketUrl, token);
      expect((await get(client, '/vaults/t1')).error?.code).toBe(404);
      const { body } = await client.request({ cmd: 'initialize', accessToken: token });
      expect(claimsOf(body)).not.toHaveProperty('admin');
    }
    for (const admin of ['true', 1, {}, null, false]) {
      using client = await server.as('op', { admin });
      expect((await get(client, '/vaults/t1')).error?.code).toBe(404);
    }
  });

  test('[ADM1] no login, sign-up or refresh leads to it', async () => {
    const anonymous = await post(`${server.url}/auth/anonymous`, { body: { admin: true } });
    using client = await Client.connect(server.socketUrl, String(anonymous.json.accessToken));
    await vault('/vaults/t2');
    expect((await get(client, '/vaults/t2')).error?.code).toBe(404);
    const refresh = (token: string) => post(`${server.url}/auth/refresh`, { token });
    const refused = await refresh(signToken({ uid: 'op', admin: true }, testSecret));
    expect([refused.status, refused.json.error.errors]).toEqual([
      403,
      { accessToken: ['admin.not.refreshed'] },
    ]);
    const refreshed = await refresh(signToken({ uid: 'op' }, formerSecret));
    expect(refreshed.status).toBe(200);
  });

  test('[ADM1] [AUT6] it is revoked as any other', async () => {
    const issued = { uid: 'fired', admin: true, iat: Date.now() / 1000 - 10 };
    using client = await Client.connect(server.socketUrl, signToken(issued, testSecret));
    await asApp(`${server.url}/auth/tokens/revoke`, { uid: 'fired' });
    expect((await client.nextPush()).evt).toBe('token-expired');
    await expect(Client.connect(server.socketUrl, signToken(issued, testSecret))).rejects.toThrow(
      'token.revoked',
    );
  });

  test('[ADM8] [SES8] a renewed token brings and takes the rights', async () => {
    const r = '/vaults/t3';
    await vault(r, { open: true });
    using owner = await server.as('owner');
    using client = await server.as('both');
    await client.request({ cmd: 'subscribe', body: { subscriptions: [{ r }] } });
    expect((await client.nextPush()).body.code).toBeUndefined();
    expect((await initialize(client, { uid: 'both', admin: true })).evt).toBe('initialized');
    expect((await get(client, r)).body.code).toBe('pearl');
    const more = await client.nextPush();
    expect([more.evt, more.body.code]).toEqual(['snapshot', 'pearl']);
    await initialize(client, { uid: 'both' });
    expect((await get(client, r)).body.code).toBeUndefined();
    await set(owner, r, 1, 'code', 'amber');
    const ops = [{ op: 'set', key: 'open', value: false }];
    await owner.request({ cmd: 'update', r, rev: 2, body: { ops } });
    const received = [await client.nextPush()];
    while (received.at(-1)?.evt !== 'failed') received.push(await client.nextPush());
    expect(JSON.stringify(received)).not.toContain('amber');
    const lines = await audited('both', 3);
    expect(lines).toMatchObject([
      { event: 'admin.session' },
      { event: 'admin.subscribe', rs: [r] },
      { event: 'admin.read', cmd: 'get', r },
    ]);
    // A new uid is refused, admin or not.
    expect((await initialize(client, { uid: 'op', admin: true })).error?.code).toBe(401);
  });

  test('[ADM8] [RES5] resuming gives the rights of the token that resumes', async () => {
    const r = '/vaults/t4';
    await vault(r, { open: true });
    using owner = await server.as('owner');
    for (const [before, after] of [
      [true, false],
      [false, true],
    ]) {
      const claims = (admin: boolean | undefined) => ({ uid: 'res', ...(admin && { admin }) });
      using first = await Client.open(server.socketUrl);
      const { body } = await initialize(first, claims(before));
      await first.request({ cmd: 'subscribe', body: { subscriptions: [{ r }] } });
      expect((await first.nextPush()).body.code !== undefined).toBe(before);
      first.socket.terminate();
      await first.closed;
      const { rev } = (await get(owner, r)).body._rev
        ? { rev: (await get(owner, r)).body._rev }
        : {};
      await set(owner, r, Number(rev), 'code', `c${rev}`);
      using again = await Client.open(server.socketUrl);
      const handle = { 'connection-handle': body['connection-handle'] };
      const answer = await initialize(again, claims(after), handle);
      expect(answer.body.resumed).toBe(true);
      const push = await again.nextPush();
      expect([push.evt, push.body.code]).toEqual(['snapshot', after ? `c${rev}` : undefined]);
      expect(JSON.stringify(await again.pushesUntilNow())).not.toMatch(after ? /^$/ : /c\d/);
    }
  });
});

describe('the audit log', () => {
  test('[ADM9] has each write, and each read that the rules would not have allowed', async () => {
    const r = '/vaults/l1';
    await vault(r);
    await vault('/vaults/l2', { open: true });
    using admin = await asAdmin('audited');
    await create(admin, '/open/l3', { n: 1 });
    await admin.request({ cmd: 'get', r: '/open/l3', cmdOpts: { fields: ['n'] } });
    await admin.request({ cmd: 'get', r, traceId: 'why-4711' });
    await get(admin, '/vaults/l2');
    await admin.request({ cmd: 'get', r: '/vaults/l2', cmdOpts: { fields: ['owner'] } });
    await set(admin, r, 1, 'code', 'topsecret');
    await admin.request({ cmd: 'count', r: '/vaults' });
    const commands = [{ cmd: 'delete', r: '/open/l3' }];
    await admin.request({ cmd: 'batch', body: { commands } });
    await admin.request({ cmd: 'join', r });
    await admin.request({ cmd: 'present', r, body: { at: 'topsecret' } });
    await admin.request({ cmd: 'send', r, body: { event: 'said', data: 'topsecret' } });
    const lines = await audited('audited', 10);
    expect(lines).toMatchObject([
      { event: 'admin.session' },
      { event: 'admin.write', cmd: 'create', r: '/open/l3', rev: 1 },
      { event: 'admin.read', cmd: 'get', r, shown: [{ r, rev: 1 }], traceId: 'why-4711' },
      { event: 'admin.read', shown: [{ r: '/vaults/l2', rev: 1, fields: ['code'] }] },
      { event: 'admin.write', cmd: 'update', r, rev: 2 },
      { event: 'admin.read', cmd: 'count', r: '/vaults/*', shown: 'count' },
      { event: 'admin.write', cmd: 'delete', r: '/open/l3', rev: 2 },
      { event: 'admin.subscribe', rs: [r] },
      { event: 'admin.send', cmd: 'present', r },
      { event: 'admin.send', cmd: 'send', r },
    ]);
    expect(lines).toHaveLength(10);
    expect(JSON.stringify(lines)).not.toMatch(/pearl|topsecret/);
  });

  test('[ADM9] no line is left out, however many there are', async () => {
    using admin = await asAdmin('busy');
    await create(admin, '/open/many', { n: 0 });
    const ops = [{ op: 'addNumber', key: 'n', value: 1 }];
    const update = { cmd: 'update', r: '/open/many', rev: 1, body: { ops } };
    for (let round = 0; round < 12; round++) {
      await Promise.all(Array.from({ length: 100 }, () => admin.request(update)));
    }
    // The harness keeps the end of the output, which has the last ones.
    const lines = await audited('busy', 200);
    await expect.poll(async () => (await audited('busy', 200)).at(-1)?.rev).toBe(1201);
    const revs = lines.flatMap(({ rev }) => rev ?? []);
    expect(revs).toEqual(revs.map((_, index) => (revs[0] ?? 0) + index));
  });
});
