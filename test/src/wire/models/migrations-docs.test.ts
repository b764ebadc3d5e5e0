import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject } from '@really/protocol';
import { expect, test } from 'vitest';
import { root } from '../../conventions/sources.js';
import { appFolder } from '../../harness/app-folder.js';
import { Client } from '../../harness/client.js';
import { ServerProcess, testSecret } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';

const page = readFileSync(join(root, 'docs/migrations.md'), 'utf8');

function block(language: string): string {
  return new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(page)?.[1] ?? '';
}

/** What the page shows in line, as JSON: the first that has this member. */
function shown(member: string): JsonObject {
  const [, text = '{}'] = new RegExp(`\`(\\{"${member}"[^\`]*\\})\``).exec(page) ?? [];
  return JSON.parse(text) as JsonObject;
}

const access = 'access: { create: true, read: true, update: true }\n';
const version1 = `version: 1
fields: { first: { type: String }, last: { type: String }, age: { type: Long } }
${access}`;

test('[MIG1] [MIG2] [REL1] the examples of docs/migrations.md work', async () => {
  await using app = await appFolder({ 'models/people/model.yaml': version1 });
  await using server = await ServerProcess.start({ dir: app.dir });
  const accessToken = signToken({ uid: 'u' }, testSecret);
  using client = await Client.connect(server.socketUrl, accessToken);
  const after = shown('_r');
  await client.request({ cmd: 'create', r: '/people/1', body: shown('first') });
  const ops = [{ op: 'set', key: 'age', value: null }];
  for (let rev = 1; rev < Number(after._rev); rev++) {
    await client.request({ cmd: 'update', r: '/people/1', rev, body: { ops } });
  }
  await client.request({ cmd: 'subscribe', body: { subscriptions: [{ r: '/people/1' }] } });
  expect(await client.nextPush()).toMatchObject({ evt: 'snapshot', body: shown('first') });
  await app.write({
    'models/people/model.yaml': `${block('yaml')}${access}`,
    'models/people/evolution-2.js': block('js'),
  });
  process.kill(server.pid, 'SIGHUP');
  expect(await client.nextPush()).toEqual({ evt: 'schemaUpdated', r: '/people/*' });
  expect(await client.nextPush()).toMatchObject({ evt: 'snapshot', body: after });
  expect((await client.request({ cmd: 'get', r: '/people/1' })).body).toEqual(after);
});
