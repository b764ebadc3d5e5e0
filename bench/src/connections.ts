import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { machine, table } from './report.js';
import { startTarget, type TargetServer } from './targets/target.js';

// 10,000 connections, each initialized and with a subscription of its own, from several processes:
// what they cost, whether they hold, and whether anything stays when they are gone.

const connections = Number(process.env.BENCH_CONNECTIONS ?? 10_000);
const cycles = Number(process.env.BENCH_CYCLES ?? 10);
const holdSeconds = Number(process.env.BENCH_HOLD ?? 60);
const processes = 5;

async function metric(target: TargetServer, name: string): Promise<number> {
  const url = target.socketUrl.replace(/^ws/, 'http').replace('/v0.1/socket', '/metrics');
  const text = await (await fetch(url)).text();
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1]);
}

/** Resident bytes once the server has had time to collect garbage: the least of several readings. */
async function resident(target: TargetServer): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let reading = 0; reading < 5; reading++) {
    least = Math.min(least, await metric(target, '(?:really_)?process_resident_memory_bytes'));
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  return least;
}

async function tell(
  clients: readonly ChildProcess[],
  message: (index: number) => unknown,
): Promise<void> {
  const answers = clients.map((client) => once(client, 'message'));
  for (const [index, client] of clients.entries()) client.send(message(index) as object);
  await Promise.all(answers);
}

// With a heap as large as the machine allows, what is resident is mostly garbage that nobody had a reason to collect.
const heap = process.env.BENCH_HEAP ?? '160';
const target = await startTarget('really', { NODE_OPTIONS: `--max-old-space-size=${heap}` });
const holder = fileURLToPath(new URL('clients/holder.js', import.meta.url));
const clients = Array.from({ length: processes }, () => fork(holder));
const share = connections / processes;
const rows: string[][] = [];
const empty = await resident(target);
for (let cycle = 1; cycle <= cycles; cycle++) {
  const begun = performance.now();
  await tell(clients, (index) => ({ url: target.socketUrl, sockets: share, first: index * share }));
  const seconds = (performance.now() - begun) / 1000;
  const held = await resident(target);
  if (cycle === 1) await new Promise((resolve) => setTimeout(resolve, holdSeconds * 1000));
  const still = await metric(target, 'really_connections');
  const subscriptions = await metric(target, 'really_subscriptions');
  await tell(clients, () => 'drop');
  while ((await metric(target, 'really_connections')) > 0);
  const left = await metric(target, 'really_subscriptions');
  const after = await resident(target);
  rows.push([
    `${cycle}`,
    seconds.toFixed(1),
    `${still}`,
    `${subscriptions}`,
    `${left}`,
    ((held - empty) / connections / 1000).toFixed(1),
    (after / 1e6).toFixed(0),
  ]);
  console.log(rows.at(-1)?.join(' | '));
}
for (const client of clients) client.send('end');
await target.stop();
console.log(`\nMeasured on ${machine()}; empty server ${(empty / 1e6).toFixed(0)} MB.\n`);
console.log(
  table(
    [
      'cycle',
      'seconds to connect',
      'held',
      'subscriptions',
      'left after',
      'kB per connection',
      'MB resident after',
    ],
    rows,
  ),
);
