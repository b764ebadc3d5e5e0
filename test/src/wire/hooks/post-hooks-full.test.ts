import { expect, test } from 'vitest';
import { appFolder } from '../../harness/app-folder.js';
import { Client } from '../../harness/client.js';
import { ServerProcess, testSecret } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';
import { WebhookReceiver } from '../../harness/webhook-receiver.js';

const model = 'version: 1\nfields: { n: { type: Long } }\naccess: { create: true, read: true }\n';

test('[POST11] with too many runs waiting, writes of their user that would add one are 503, and others go on', async () => {
  await using folder = await appFolder({
    'models/things/model.yaml': model,
    // Refused until there is such an object.
    'models/things/post-create.js':
      'print("tried " + obj._r + "."); update("/plain/missing", { n: obj.n });',
    'models/plain/model.yaml': model,
  });
  const env = { REALLY_LIMITS_OUTBOX: '3' };
  await using server = await ServerProcess.start({ dir: folder.dir, env });
  using client = await Client.connect(server.socketUrl, signToken({ uid: 'ann' }, testSecret));
  const create = (r: string) => client.request({ cmd: 'create', r, body: { n: 1 } });
  for (let n = 1; n <= 3; n++) {
    const { body, error } = await create('/things');
    expect(error).toBeUndefined();
    // Whose a run is is known once it was read.
    await expect.poll(() => server.output.stdout).toContain(`tried ${body?._r}.`);
  }
  const { error } = await create('/things');
  expect(error).toMatchObject({ code: 503, message: 'server.unavailable' });
  using other = await Client.connect(server.socketUrl, signToken({ uid: 'bob' }, testSecret));
  const bobs = await other.request({ cmd: 'create', r: '/things', body: { n: 1 } });
  expect(bobs.error).toBeUndefined();
  expect((await create('/plain/missing')).error).toBeUndefined();
  await expect.poll(async () => (await create('/things')).error).toBeUndefined();
});

test('[POST11] of a webhook for which too much waits new events are left out', async () => {
  await using receiver = await WebhookReceiver.start();
  receiver.answer = () => ({ status: 503 });
  await using folder = await appFolder({
    'models/things/model.yaml': model,
    'models/things/post-create.js': 'emit("made", obj.n);',
    'really.yaml': `webhooks: { slow: "${receiver.url}/slow", fine: "${receiver.url}/fine" }\n`,
  });
  receiver.answer = ({ path }) => ({ status: path === '/fine' ? 200 : 503 });
  const env = { REALLY_LIMITS_WEBHOOK_EVENTS: '2' };
  await using server = await ServerProcess.start({ dir: folder.dir, env });
  using client = await Client.connect(server.socketUrl, signToken({ uid: 'ann' }, testSecret));
  const numbers = (path: string) => {
    const seen = receiver.received.filter((one) => one.path === path);
    return [...new Set(seen.map(({ json }) => json.data))];
  };
  for (let n = 0; n < 5; n++) {
    await client.request({ cmd: 'create', r: '/things', body: { n } });
    await expect.poll(() => numbers('/fine').length).toBe(n + 1);
  }
  await expect.poll(() => server.output.stdout).toContain('too many events wait for a webhook');
  await expect.poll(() => numbers('/slow').toSorted()).toEqual([0, 1]);
  const metrics = async () => await (await fetch(`${server.url}/metrics`)).text();
  // The last event waits until the response to it has been processed.
  await expect.poll(metrics).toContain('really_webhooks_pending 2');
  expect(await metrics()).toContain('really_webhooks_total{outcome="dropped"} 3');
  using other = await Client.connect(server.socketUrl, signToken({ uid: 'bob' }, testSecret));
  await other.request({ cmd: 'create', r: '/things', body: { n: 9 } });
  await expect.poll(() => numbers('/slow')).toContain(9);
});
