import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { JsonObject } from '@really/protocol';
import { expect, test } from 'vitest';
import { appFolder } from '../../harness/app-folder.js';
import { Client } from '../../harness/client.js';
import { ServerProcess, testSecret } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';
import { WebhookReceiver } from '../../harness/webhook-receiver.js';

const page = readFileSync(
  fileURLToPath(new URL('../../../../docs/hooks.md', import.meta.url)),
  'utf8',
);

/** The files that a page spells out: a name, then a block. */
function filesOf(text: string): Record<string, string> {
  const blocks = text.matchAll(/`([\w./-]+\.(?:yaml|js))`:\n\n```\w+\n([\s\S]*?)```/g);
  return Object.fromEntries([...blocks].map(([, name = '', content = '']) => [name, content]));
}

test('[POST4] [POST8] the example of docs/hooks.md does what the page says', async () => {
  await using receiver = await WebhookReceiver.start();
  const files = filesOf(page);
  expect(Object.keys(files)).toHaveLength(12);
  const config = files['really.yaml']?.replace('http://127.0.0.1:8080', receiver.url) ?? '';
  await using folder = await appFolder({ ...files, 'really.yaml': config });
  await using server = await ServerProcess.start({ dir: folder.dir });
  using ann = await Client.connect(server.socketUrl, signToken({ uid: 'ann' }, testSecret));
  const customer = (await ann.request({ cmd: 'create', r: '/customers', body: {} })).body._r;
  const body = { customer, amount: 5 };
  const order = (await ann.request({ cmd: 'create', r: '/orders', body })).body._r;
  const ops = [{ op: 'set', key: 'state', value: 'paid' }];
  await ann.request({ cmd: 'update', r: order, rev: 1, body: { ops } });
  const ordered = async () => (await ann.request({ cmd: 'get', r: customer })).body.ordered;
  await expect.poll(ordered).toBe(5);
  const records = async () => {
    const { items } = (await ann.request({ cmd: 'read', r: '/records' })).body;
    return items.map((item: { body: { text: string } }) => item.body.text);
  };
  await expect.poll(records).toEqual(['ann: open to paid']);
  await expect.poll(() => receiver.received.length).toBe(1);
  expect(receiver.received[0]?.json.data).toEqual({ order, amount: 5 });
});

test('[HRD1] the example of docs/hooks.md that reads does what the page says', async () => {
  const { 'really.yaml': _, ...files } = filesOf(page);
  await using folder = await appFolder(files);
  await using server = await ServerProcess.start({ dir: folder.dir });
  using ann = await Client.connect(server.socketUrl, signToken({ uid: 'ann' }, testSecret));
  const create = (r: string, body: JsonObject) => ann.request({ cmd: 'create', r, body });
  await create('/people/ann', { name: 'Ann' });
  await create('/people/bob', { name: 'Bob' });
  await create('/projects/0', { name: 'Other' });
  await create('/projects/1', { name: 'House' });
  for (const [n, assignee] of ['ann', 'bob', 'ann', 'nobody'].entries()) {
    await create(`/projects/1/tasks/${n}`, { title: `Task ${n}`, assignee });
  }
  const ops = [{ op: 'set', key: 'archived', value: true }];
  await ann.request({ cmd: 'update', r: '/projects/1', rev: 1, body: { ops } });
  const bodies = async (r: string) => {
    const { items } = (await ann.request({ cmd: 'read', r, cmdOpts: { sort: '_r' } })).body;
    return items.map(({ body }: { body: JsonObject }) => body);
  };
  await expect.poll(() => bodies('/messages')).toHaveLength(2);
  const texts = (await bodies('/messages')).map(({ text }: JsonObject) => text);
  expect(new Set(texts)).toEqual(
    new Set([
      'Dear Ann, House was archived. 1 projects are open.',
      'Dear Bob, House was archived. 1 projects are open.',
    ]),
  );
  const tasks = await bodies('/projects/1/tasks');
  expect(tasks.map(({ archived }: JsonObject) => archived)).toEqual([true, true, true, true]);
  await expect.poll(() => server.output.stdout).toContain('Task 1 was archived; it was for Bob');
});
