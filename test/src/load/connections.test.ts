import { expect, test } from 'vitest';
import { Client } from '../harness/client.js';
import { testSecret } from '../harness/server-process.js';
import { signToken } from '../harness/token.js';
import { wireServer } from '../wire/wire-server.js';

// The full measure, 10,000 connections held for a minute, is `npm run bench:connections`.
const sockets = 1000;
const cycles = 5;

// A small heap, so that growth is live memory, and not garbage that was not collected yet.
const server = wireServer({
  NODE_OPTIONS: '--max-old-space-size=160',
  REALLY_RATE_ADDRESS: '0',
  REALLY_LIMITS_CONNECTIONS_PER_ADDRESS: '5000',
});

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const value = new RegExp(`^(?:${name})(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1];
  if (value === undefined) throw new Error(`there is no ${name}`);
  return Number(value);
}

const levels = [
  'really_connections',
  'really_subscriptions',
  'really_object_topics',
  'really_collection_topics',
  'really_query_subscriptions',
  'really_congested_connections',
];

async function cycle(number: number): Promise<void> {
  const clients: Client[] = [];
  for (let index = 0; index < sockets; index++) {
    const token = signToken({ uid: `u-${index}` }, testSecret);
    clients.push(await Client.connect(server.socketUrl, token));
  }
  await Promise.all(
    clients.map(async (client, index) => {
      const r = `/users/load-${number}-${index}`;
      await client.request({ cmd: 'create', r, body: { name: 'n' } });
      await client.request({
        cmd: 'subscribe',
        body: { subscriptions: [{ r, rev: 1 }, { r: '/users/*/posts' }] },
      });
    }),
  );
  expect(await metric('really_connections')).toBe(sockets);
  expect(await metric('really_subscriptions')).toBe(2 * sockets);
  for (const client of clients) client.socket.terminate();
}

async function untilZero(): Promise<void> {
  const deadline = performance.now() + 120_000;
  for (;;) {
    const values = await Promise.all(levels.map(metric));
    if (values.every((value) => value === 0)) return;
    if (performance.now() > deadline) throw new Error(`left behind: ${levels} ${values}`);
  }
}

test('[LIM6] [DUR5] connections come and go, and leave nothing behind', async () => {
  const memory: number[] = [];
  for (let number = 0; number < cycles; number++) {
    await cycle(number);
    await untilZero();
    memory.push(await metric('process_resident_memory_bytes|really_process_resident_memory_bytes'));
  }
  const growth = (memory.at(-1) ?? 0) - (memory[1] ?? 0);
  expect(growth, `resident bytes after each cycle: ${memory}`).toBeLessThan(60_000_000);
});
