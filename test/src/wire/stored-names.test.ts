import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { type AppFolder, appFolder } from '../harness/app-folder.js';
import { Client } from '../harness/client.js';
import { MailServer } from '../harness/mail-server.js';
import { ServerProcess } from '../harness/server-process.js';
import { signToken } from '../harness/token.js';
import { post, quickHashes } from './auth/accounts-app.js';

/**
 * An app as version 0.1 left it, when durable jobs were still called errands: an account that waits for a verification and a reset email, a dead
 * letter, and an object with three updates.
 */
const fixture = fileURLToPath(new URL('../../fixtures/before-jobs', import.meta.url));

async function appOfThen(): Promise<AppFolder> {
  const folder = await appFolder({});
  await cp(join(fixture, 'models'), join(folder.dir, 'models'), { recursive: true });
  const data = join(folder.dir, 'data');
  await mkdir(data, { mode: 0o700 });
  const database = gunzipSync(await readFile(join(fixture, 'really.db.gz')));
  await writeFile(join(data, 'really.db'), database, { mode: 0o600 });
  await cp(join(fixture, 'really.db.epoch'), join(data, 'really.db.epoch'));
  return folder;
}

const withMail = ({ url }: MailServer) => ({
  ...quickHashes,
  REALLY_AUTH_MAIL_SMTP: url,
  REALLY_AUTH_MAIL_FROM: 'An App <app@example.com>',
});

test('[DUR12] a database from when jobs were errands is opened: waiting emails leave, nothing is lost', async () => {
  await using mail = await MailServer.start();
  await using folder = await appOfThen();
  const server = await ServerProcess.start({ dir: folder.dir, env: withMail(mail) });
  try {
    const letters = await mail.to('amal@example.com', 2);
    const subjects = letters.map(({ source }) => /^Subject: (.*?)\r?$/m.exec(source)?.[1]);
    expect(subjects.sort()).toEqual(['Confirm your email address', 'Set a new password']);
    const login = { email: 'amal@example.com', password: 'correct horse' };
    expect((await post(`${server.url}/auth/password/login`, login)).status).toBe(200);
    using client = await Client.connect(server.socketUrl, signToken({ uid: 'u1' }));
    const { body } = await client.request({ cmd: 'get', r: '/notes/one' });
    expect(body).toMatchObject({ _rev: 4, votes: 6 });
    await client.request({
      cmd: 'subscribe',
      body: { subscriptions: [{ r: '/notes/one', rev: 2 }] },
    });
    const pushes = [await client.nextPush(), await client.nextPush()];
    expect(pushes.map(({ evt, rev }) => [evt, rev])).toEqual([
      ['updated', 3],
      ['updated', 4],
    ]);
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    expect(metrics).toMatch(/^really_dead_letters 1$/m);
  } finally {
    await server.kill();
  }
});
