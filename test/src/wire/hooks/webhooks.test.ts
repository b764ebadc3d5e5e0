import { createHmac } from 'node:crypto';
import type { JsonObject } from '@really/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AppFolder, appFolder } from '../../harness/app-folder.js';
import { Client } from '../../harness/client.js';
import { ServerProcess, testSecret } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';
import { WebhookReceiver } from '../../harness/webhook-receiver.js';

const key = Buffer.from('a key of thirty-two bytes, or so');
const model = `version: 1
fields: { n: { type: Long, default: 0 }, type: { type: String } }
access: { create: true, read: true, update: true, delete: true }
`;
const files = {
  'models/things/model.yaml': model,
  'models/things/post-create.js': 'if (obj.type) emit(obj.type, { r: obj._r, n: obj.n });',
  'models/things/post-update.js': 'emit("thing.updated", { n: after.n, was: before.n });',
};

let receiver: WebhookReceiver;
let folder: AppFolder;
let server: ServerProcess;

beforeAll(async () => {
  receiver = await WebhookReceiver.start();
  folder = await appFolder({ ...files, 'really.yaml': configuration(receiver.url) });
  server = await ServerProcess.start({ dir: folder.dir });
});

afterAll(async () => {
  await server.kill();
  await receiver[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

function configuration(url: string): string {
  return `webhooks:
  main: { url: "${url}/main?key=hush", secret: "whsec_${key.toString('base64')}" }
  some: { url: "${url}/some", secret: "some-secret-of-text", events: [gone.away, "lost.*"] }
`;
}

async function client(at = server): Promise<Client> {
  return await Client.connect(at.socketUrl, signToken({ uid: 'ann' }, testSecret));
}

async function make(body: JsonObject, at = server): Promise<string> {
  using ann = await client(at);
  return (await ann.request({ cmd: 'create', r: '/things', body })).body._r;
}

test('[POST8] an event is posted to the webhooks that want it, signed, once', async () => {
  const before = Date.now();
  const r = await make({ type: 'made.up', n: 3 });
  await expect.poll(() => receiver.ofType('made.up').length).toBe(1);
  const [got] = receiver.ofType('made.up');
  expect(got?.path).toBe('/main?key=hush');
  expect(got?.json).toMatchObject({ type: 'made.up', data: { r, n: 3 } });
  expect(Date.parse(got?.json.timestamp ?? '')).toBeGreaterThan(before - 1000);
  expect(Object.keys(got?.json ?? {})).toEqual(['type', 'timestamp', 'data']);
  const headers = got?.headers ?? {};
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${got?.text}`;
  const expected = createHmac('sha256', key).update(signed).digest('base64');
  expect(headers['webhook-signature']).toBe(`v1,${expected}`);
  expect(Math.abs(Number(headers['webhook-timestamp']) - Date.now() / 1000)).toBeLessThan(60);
  expect(headers['content-type']).toBe('application/json');
});

test('[POST8] a webhook may subscribe to some events only, by name or by prefix', async () => {
  await make({ type: 'gone.away' });
  await make({ type: 'lost.found' });
  const paths = () => {
    return ['gone.away', 'lost.found'].map((type) =>
      receiver
        .ofType(type)
        .map(({ path }) => path.split('?')[0])
        .sort(),
    );
  };
  await expect.poll(paths).toEqual([
    ['/main', '/some'],
    ['/main', '/some'],
  ]);
});

test('[POST8] events about one object come in the order of its revisions', async () => {
  const r = await make({});
  using ann = await client();
  const ops = [{ op: 'addNumber', key: 'n', value: 1 }];
  const updates = Array.from({ length: 20 }, () => {
    return ann.request({ cmd: 'update', r, rev: 1, body: { ops } });
  });
  await Promise.all(updates);
  await expect.poll(() => receiver.ofType('thing.updated').length).toBe(20);
  const seen = receiver.ofType('thing.updated').map(({ json }) => json.data);
  expect(seen).toEqual(updates.map((_, n) => ({ was: n, n: n + 1 })));
});

test('[POST9] an event that is not accepted is sent again under the same id; 410 and the last attempt make a dead letter', async () => {
  const answers = new Map([
    ['try.later', [{ status: 503, headers: { 'retry-after': '1' } }, { status: 200 }]],
    ['try.gone', [{ status: 410 }]],
    ['try.never', [{ status: 302, headers: { location: '/elsewhere' } }, undefined]],
  ]);
  receiver.answer = ({ json }) => {
    const left = answers.get(json.type);
    return left ? left.shift() : { status: 200, body: 'x'.repeat(1_000_000) };
  };
  await using app = await appFolder({ ...files, 'really.yaml': configuration(receiver.url) });
  // Of a webhook that responds, even a busy machine is not late by so much.
  const env = { REALLY_LIMITS_WEBHOOK_TIME: '3s', REALLY_LIMITS_WEBHOOK_ATTEMPTS: '2' };
  await using impatient = await ServerProcess.start({ dir: app.dir, env });
  for (const type of answers.keys()) await make({ type }, impatient);
  await expect.poll(() => receiver.ofType('try.never').length).toBe(2);
  await expect.poll(() => receiver.ofType('try.later').length).toBe(2);
  const ids = receiver.ofType('try.later').map(({ headers }) => headers['webhook-id']);
  expect(new Set(ids).size).toBe(1);
  const log = () => impatient.output.stdout;
  await expect.poll(log).toMatch(/try\.gone to main for \S+ was given up .*it answered 410/);
  await expect
    .poll(log)
    .toMatch(/try\.never to main for \S+ was given up .*no response within 3000 ms/);
  const warning =
    /"level":"warn".*"webhook":"main","reason":"[^"]+","msg":"a webhook did not accept/;
  await expect.poll(log).toMatch(warning);
  await expect.poll(log).toContain('"webhook":"main","msg":"a webhook accepts events again"');
  expect(receiver.ofType('try.gone')).toHaveLength(1);
  expect(receiver.received.some(({ path }) => path === '/elsewhere')).toBe(false);
  expect(log()).not.toContain('hush');
  expect(log()).not.toContain(key.toString('base64'));
  expect(log()).not.toContain('some-secret-of-text');
});
