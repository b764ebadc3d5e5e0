import { expect, test } from 'vitest';
import { appFolder } from '../../harness/app-folder.js';
import { Client } from '../../harness/client.js';
import { ServerProcess, testSecret } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';
import { WebhookReceiver } from '../../harness/webhook-receiver.js';

const model = `version: 1
fields: { n: { type: Long, default: 0 } }
access: { create: true, read: true, update: true }
`;

test('[POST1] [POST9] [CLI2] a stopping server waits for no webhook and no backlog; the next one continues, in order', async () => {
  await using receiver = await WebhookReceiver.start();
  await using folder = await appFolder({
    'models/things/model.yaml': model,
    'models/things/post-update.js':
      'emit("changed", obj.n); create("/copies/" + obj._rev, { n: obj.n });',
    'models/copies/model.yaml': model,
    'really.yaml': `webhooks: { hears: { url: "${receiver.url}" } }\n`,
  });
  const connect = (server: ServerProcess) => {
    return Client.connect(server.socketUrl, signToken({ uid: 'ann' }, testSecret));
  };
  const updates = 300;
  // No answer comes: what is on its way is broken off.
  receiver.answer = () => undefined;
  {
    await using server = await ServerProcess.start({ dir: folder.dir });
    using client = await connect(server);
    const { r } = { r: '/things/1' };
    await client.request({ cmd: 'create', r, body: {} });
    const ops = [{ op: 'addNumber', key: 'n', value: 1 }];
    const update = { cmd: 'update', r, rev: 1, body: { ops } };
    await Promise.all(Array.from({ length: updates }, () => client.request(update)));
    await expect.poll(() => receiver.received.length).toBe(1);
    const began = performance.now();
    expect(await server.stop()).toBe(0);
    expect(performance.now() - began).toBeLessThan(8000 + server.startedIn);
  }
  receiver.answer = () => ({ status: 200 });
  await using server = await ServerProcess.start({ dir: folder.dir });
  const received = () => receiver.received.slice(1).map(({ json }) => json.data);
  const all = Array.from({ length: updates }, (_, index) => index + 1);
  await expect.poll(() => received().length).toBe(updates);
  expect(received()).toEqual(all);
  expect(receiver.received[0]?.json).toEqual(receiver.received[1]?.json);
  using client = await connect(server);
  const count = await client.request({ cmd: 'count', r: '/copies' });
  expect(count.body.totalResults).toBe(updates);
});

test('[POST9] events waiting for a webhook that was removed from the configuration become dead letters', async () => {
  await using receiver = await WebhookReceiver.start();
  receiver.answer = () => ({ status: 500 });
  const config = (name: string) => `webhooks: { ${name}: { url: "${receiver.url}" } }\n`;
  await using folder = await appFolder({
    'models/things/model.yaml': model,
    'models/things/post-create.js': 'emit("made", obj._r);',
    'really.yaml': config('old'),
  });
  {
    await using server = await ServerProcess.start({ dir: folder.dir });
    using client = await Client.connect(server.socketUrl, signToken({ uid: 'ann' }, testSecret));
    await client.request({ cmd: 'create', r: '/things/1', body: {} });
    await expect.poll(() => receiver.received.length).toBeGreaterThan(0);
  }
  const attempts = receiver.received.length;
  await folder.write({ 'really.yaml': config('new') });
  await using server = await ServerProcess.start({ dir: folder.dir });
  const log = () => server.output.stdout;
  await expect
    .poll(log)
    .toMatch(/made to old for \/things\/1 was given up .* no such webhook any more/);
  expect(receiver.received).toHaveLength(attempts);
});
