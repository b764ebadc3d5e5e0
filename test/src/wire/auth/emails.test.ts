import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { type AppFolder, appFolder } from '../../harness/app-folder.js';
import { Client } from '../../harness/client.js';
import { MailServer, tokenIn } from '../../harness/mail-server.js';
import { ServerProcess } from '../../harness/server-process.js';
import { accountsApp, post, quickHashes } from './accounts-app.js';

const amal = { email: 'amal@example.com', password: 'correct horse', name: 'Amal' };

const mailEnv = ({ url }: MailServer) => ({
  ...quickHashes,
  REALLY_AUTH_MAIL_SMTP: url,
  REALLY_AUTH_MAIL_FROM: 'An App <app@example.com>',
});

interface World extends AsyncDisposable {
  readonly mail: MailServer;
  readonly server: ServerProcess;
  readonly folder: AppFolder;
}

async function start(files: Readonly<Record<string, string>> = {}): Promise<World> {
  const mail = await MailServer.start();
  const folder = await appFolder({ ...accountsApp, ...files });
  const server = await ServerProcess.start({ dir: folder.dir, env: mailEnv(mail) });
  return {
    mail,
    server,
    folder,
    async [Symbol.asyncDispose]() {
      await server.kill();
      await mail[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

const tokenOf = async (url: string, password: string): Promise<string> => {
  const { json } = await post(`${url}/auth/password/login`, { ...amal, password });
  return json.accessToken;
};

test('[MAIL1] [PWD10] a forgotten password: an email, a new password, and the old tokens are revoked', async () => {
  await using world = await start();
  const { mail, server } = world;
  const { url } = server;
  await post(`${url}/auth/password/signup`, amal);
  const old = await tokenOf(url, amal.password);
  using client = await Client.connect(server.socketUrl, old);
  const asked = await post(`${url}/auth/password/reset/request`, { email: 'AMAL@example.com' });
  expect([asked.status, asked.json]).toEqual([200, {}]);
  const unknown = await post(`${url}/auth/password/reset/request/`, { email: 'no@example.com' });
  expect([unknown.status, unknown.json]).toEqual([200, {}]);
  const [, letter] = await mail.to(amal.email, 2);
  expect(letter?.source).toContain('From: An App <app@example.com>');
  expect(letter?.source).toContain('Subject: Set a new password');
  const reset = { token: letter ? tokenIn(letter) : '', password: 'new password' };
  expect(await post(`${url}/auth/password/reset`, reset)).toMatchObject({ status: 200, json: {} });
  expect(await client.nextPush()).toEqual({ evt: 'token-expired' });
  expect((await client.closed).code).toBe(1008);
  const again = await post(`${url}/auth/password/reset`, reset);
  expect(again).toMatchObject({
    status: 401,
    json: { error: { message: 'link.invalid', errors: { token: ['token.invalid'] } } },
  });
  expect(await tokenOf(url, amal.password)).toBeUndefined();
  expect(await tokenOf(url, 'new password')).toEqual(expect.any(String));
  await mail.to(amal.email, 3);
  expect(mail.mails.map(({ to }) => to)).toEqual([amal.email, amal.email, amal.email]);
});

test('[PWD10] a changed password: the fresh token is good, the others are revoked', async () => {
  await using world = await start();
  const { url } = world.server;
  await post(`${url}/auth/password/signup`, amal);
  const [mine, other] = [await tokenOf(url, amal.password), await tokenOf(url, amal.password)];
  const change = (token: string, body: object) =>
    post(`${url}/auth/password/change`, body, { authorization: `Bearer ${token}` });
  const good = { oldPassword: amal.password, password: 'new password' };
  const wrong = await change(mine, { ...good, oldPassword: 'wrong' });
  expect(wrong).toMatchObject({
    status: 401,
    json: {
      error: { message: 'credentials.invalid', errors: { oldPassword: ['credentials.invalid'] } },
    },
  });
  const changed = await change(mine, good);
  expect(changed.json).toEqual({ authType: 'password', accessToken: expect.any(String) });
  using client = await Client.connect(world.server.socketUrl, changed.json.accessToken);
  expect((await client.request({ cmd: 'ping' })).evt).toBe('pinged');
  for (const token of [mine, other]) {
    expect((await change(token, good)).json.error.errors).toEqual({
      accessToken: ['token.revoked'],
    });
  }
  expect((await post(`${url}/auth/password/change`, good)).json.error.errors).toEqual({
    accessToken: ['token.missing'],
  });
});

test('[MAIL2] an address is verified by the email of a signup', async () => {
  await using world = await start({
    'mail/verify.txt': 'Subject: Welcome\n\nhttps://app.example.com/verify#{{token}}\n',
  });
  const { mail, server } = world;
  const { url } = server;
  await post(`${url}/auth/password/signup`, amal);
  const [letter] = await mail.to(amal.email);
  expect(letter?.source).toContain('Subject: Welcome');
  const token = letter ? tokenIn(letter) : '';
  expect(letter?.source.replace(/=3D/g, '=')).toContain('https://app.example.com/verify#');
  expect((await post(`${url}/auth/email/verify`, { token })).json).toEqual({});
  expect((await post(`${url}/auth/email/verify`, { token })).status).toBe(401);
  using client = await Client.open(server.socketUrl);
  const accessToken = await tokenOf(url, amal.password);
  const { body } = await client.request({ cmd: 'initialize', accessToken });
  expect(body.user.data).toEqual({ email: amal.email, emailVerified: true });
  const headers = { authorization: `Bearer ${accessToken}` };
  expect((await post(`${url}/auth/email/verify/request`, {}, headers)).json).toEqual({});
  expect((await post(`${url}/auth/email/verify/request`, {})).status).toBe(401);
});

test('[MAIL4] an acknowledged email is sent after kill -9', async () => {
  const mail = await MailServer.start();
  const { port } = mail;
  await using folder = await appFolder(accountsApp);
  const env = mailEnv(mail);
  // Nobody takes mails for now.
  await mail[Symbol.asyncDispose]();
  const first = await ServerProcess.start({ dir: folder.dir, env });
  await post(`${first.url}/auth/password/signup`, amal);
  const asked = await post(`${first.url}/auth/password/reset/request`, amal);
  expect(asked.status).toBe(200);
  await first.kill();
  await using back = await MailServer.start(port);
  await using second = await ServerProcess.start({ dir: folder.dir, env });
  const letters = await back.to(amal.email, 2);
  const letter = letters.find(({ source }) => source.includes('Set a new'));
  const reset = { token: letter ? tokenIn(letter) : '', password: 'new password' };
  expect((await post(`${second.url}/auth/password/reset`, reset)).status).toBe(200);
});

test('[MAIL3] no token is on disk, nor in the log', async () => {
  await using world = await start();
  const { mail, server, folder } = world;
  await post(`${server.url}/auth/password/signup`, amal);
  await post(`${server.url}/auth/password/reset/request`, amal);
  const letters = await mail.to(amal.email, 2);
  await server.stop();
  const files = await readdir(`${folder.dir}/data`, { recursive: true, withFileTypes: true });
  const contents = await Promise.all(
    files
      .filter((file) => file.isFile())
      .map((file) => readFile(`${file.parentPath}/${file.name}`)),
  );
  const everything = Buffer.concat(contents);
  for (const letter of letters) {
    const [uid = '', secret = ''] = tokenIn(letter).split('.');
    expect(secret).toHaveLength(32);
    expect(everything.includes(uid)).toBe(true);
    expect(everything.includes(secret)).toBe(false);
    expect(`${server.output.stdout}${server.output.stderr}`).not.toContain(secret);
  }
  expect(everything.includes(amal.password)).toBe(false);
});

test('[MAIL4] an email that the mail server refuses permanently is given up, and the log says so', async () => {
  await using world = await start();
  const { mail, server } = world;
  const nobody = { ...amal, email: 'no-such-mailbox@example.com' };
  await post(`${server.url}/auth/password/signup`, nobody);
  await post(`${server.url}/auth/password/signup`, amal);
  await mail.to(amal.email);
  await expect.poll(() => server.output.stdout).toContain('a job is given up');
  await server.stop();
  expect(mail.offered.filter((address) => address === nobody.email)).toHaveLength(1);
  const lines = server.output.stdout
    .split('\n')
    .filter((line) => line.includes('a job is given up'));
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { msg: 'a job is given up', kind: 'verify', attempts: 1 },
  ]);
  await using again = await ServerProcess.start({ dir: world.folder.dir, env: mailEnv(mail) });
  await post(`${again.url}/auth/password/reset/request`, amal);
  await mail.to(amal.email, 2);
  expect(mail.offered.filter((address) => address === nobody.email)).toHaveLength(1);
});

test('[MAIL6] a webhook gets the emails instead, signed, and again after a failure', async () => {
  const secret = `whsec_${Buffer.from('a secret of the webhook, 32 bytes').toString('base64')}`;
  const received: { id: string; body: { type: string; data: Record<string, string> } }[] = [];
  const statuses = [500, 200];
  let receive = () => {};
  const twice = new Promise<void>((resolve) => {
    receive = resolve;
  });
  const app = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const headers = request.headers as Record<string, string>;
    const body = new Webhook(secret).verify(Buffer.concat(parts).toString(), headers);
    received.push({ id: headers['webhook-id'] ?? '', body: body as (typeof received)[0]['body'] });
    response.statusCode = statuses.shift() ?? 200;
    response.end();
    if (received.length === 2) receive();
  });
  app.listen(0, '127.0.0.1');
  await once(app, 'listening');
  await using folder = await appFolder(accountsApp);
  const env = {
    ...quickHashes,
    REALLY_AUTH_MAIL_WEBHOOK: `http://127.0.0.1:${(app.address() as AddressInfo).port}/letters`,
    REALLY_AUTH_MAIL_WEBHOOK_SECRET: secret,
  };
  await using server = await ServerProcess.start({ dir: folder.dir, env });
  const { json } = await post(`${server.url}/auth/password/signup`, amal);
  await twice;
  app.close();
  const [first, second] = received;
  expect(first?.body).toEqual({
    type: 'auth.email.verify',
    timestamp: expect.any(String),
    data: {
      email: amal.email,
      uid: expect.any(String),
      _r: json.user._r,
      token: expect.any(String),
      expires: expect.any(String),
    },
  });
  expect(second?.id).toBe(first?.id);
  const token = first?.body.data.token;
  expect((await post(`${server.url}/auth/email/verify`, { token })).status).toBe(200);
});

test('[MAIL5] without a way to send emails these paths are not served', async () => {
  await using folder = await appFolder(accountsApp);
  await using server = await ServerProcess.start({ dir: folder.dir, env: quickHashes });
  for (const path of ['password/reset/request', 'password/reset', 'email/verify']) {
    expect((await post(`${server.url}/auth/${path}`, amal)).status).toBe(404);
  }
});
