import type { JsonObject } from '@really/protocol';
import { beforeAll, expect, test } from 'vitest';
import type { Client, Message } from '../harness/client.js';
import { wireServer } from './wire-server.js';

const server = wireServer(
  { REALLY_RATE_COMMANDS: '0' },
  {
    'models/big/model.yaml': `version: 1
fields: { n: { type: Long }, text: { type: String } }
access: { create: true, read: true, update: true, delete: true }
`,
  },
);

const half = 'x'.repeat(500_000);
const count = 30;

const create = (client: Client, r: string, body: JsonObject) =>
  client.request({ cmd: 'create', r, body });
const update = (client: Client, r: string, rev: number, ...ops: JsonObject[]) =>
  client.request({ cmd: 'update', r, rev, body: { ops } });

/** How many connections are behind. */
async function congested(): Promise<number> {
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  return Number(/^really_congested_connections\S* (\d+)/m.exec(metrics)?.[1]);
}

beforeAll(async () => {
  using client = await server.as('seeder');
  for (let n = 0; n < count; n++) await create(client, `/big/${n}`, { n, text: half });
});

test('[LIM4] a client that reads gets answers of 15 MB, in one piece and in many', async () => {
  using client = await server.as('reader');
  const answer = await client.request({ cmd: 'read', r: '/big' });
  expect(answer.body.items).toHaveLength(count);
  const all = await Promise.all(
    Array.from({ length: count }, (_, n) => client.request({ cmd: 'get', r: `/big/${n}` })),
  );
  expect(all.map(({ body }) => body.n)).toEqual(Array.from({ length: count }, (_, n) => n));
  const subscriptions = Array.from({ length: count }, (_, n) => ({ r: `/big/${n}` }));
  await client.request({ cmd: 'subscribe', body: { subscriptions } });
  for (let n = 0; n < count; n++) expect((await client.nextPush()).evt).toBe('snapshot');
});

test('[LIM4] [SES11] a client that asks for much and reads nothing is closed with 1013', async () => {
  using client = await server.as('hog');
  client.socket.pause();
  for (let tag = 0; tag < 80; tag++) client.send({ tag, cmd: 'get', r: `/big/${tag % count}` });
  // Behind at first, and then not even that: the server has said goodbye.
  for (const behind of [1, 0]) {
    await expect.poll(congested, { timeout: 20_000, interval: 50 }).toBe(behind);
  }
  client.socket.resume();
  expect((await client.closed).code).toBe(1013);
});

test('[LIM4] [SUB7] who does not read for a while hears one snapshot for what it missed, and goes on', async () => {
  using writer = await server.as('writer');
  using slow = await server.as('slow');
  await create(writer, '/big/busy', { n: 0 });
  await create(writer, '/big/calm', { n: 0 });
  const subscriptions = [{ r: '/big/busy' }, { r: '/big/calm', fields: ['n'] }];
  await slow.request({ cmd: 'subscribe', body: { subscriptions } });
  for (let n = 0; n < 2; n++) await slow.nextPush();
  slow.socket.pause();
  const rounds = 160;
  const text = 'x'.repeat(100_000);
  for (let rev = 1; rev <= rounds; rev++) {
    const key = { op: 'set', key: 'text', value: `${text}${rev}` };
    await update(writer, '/big/busy', rev, key);
    await update(writer, '/big/calm', rev, { op: 'addNumber', key: 'n', value: 1 });
  }
  slow.socket.resume();
  const heard: Record<string, Message[]> = { '/big/busy': [], '/big/calm': [] };
  const isBehind = (pushes: Message[]) => (pushes.at(-1)?.rev ?? 0) <= rounds;
  while (Object.values(heard).some(isBehind)) {
    const push = await slow.nextPush();
    heard[push.r ?? '']?.push(push);
  }
  for (const pushes of Object.values(heard)) {
    let rev = 1;
    for (const push of pushes) {
      if (push.evt === 'updated') expect(push.rev).toBe(rev + 1);
      else expect(push.evt).toBe('snapshot');
      rev = push.rev ?? 0;
    }
    expect(pushes.length).toBeLessThan(rounds);
  }
  await update(writer, '/big/busy', rounds + 1, { op: 'set', key: 'n', value: 1 });
  expect(await slow.nextPush()).toMatchObject({ evt: 'updated', rev: rounds + 2 });
});
