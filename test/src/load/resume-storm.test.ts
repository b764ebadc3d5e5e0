import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Client } from '../harness/client.js';
import { testSecret } from '../harness/server-process.js';
import { signToken } from '../harness/token.js';
import { wireServer } from '../wire/wire-server.js';

const clients = 5000;
const objects = 250;
/** Revisions that each client misses. */
const missed = 20;
/** Seconds within which they are all back: 10 on a machine of their own, more where others are at work. */
const patience = Number(process.env.STORM_SECONDS ?? 40);
/** Connections that are being opened at once. */
const atOnce = 100;

const server = wireServer({
  REALLY_RATE_ADDRESS: '0',
  REALLY_RATE_COMMANDS: '0',
  REALLY_LIMITS_CONNECTIONS_PER_ADDRESS: '1000',
});

interface Member {
  readonly uid: string;
  readonly r: string;
  /** Each has one of 127.0.0.x, as if they came from several machines. */
  readonly localAddress: string;
  client?: Client;
  handle?: string;
}

const members: Member[] = Array.from({ length: clients }, (_, index) => ({
  uid: `u-${index}`,
  r: `/users/storm-${index % objects}`,
  localAddress: `127.0.0.${2 + Math.floor(index / 900)}`,
}));

async function connect(member: Member, received?: number): Promise<void> {
  const client = await Client.open(server.socketUrl, { localAddress: member.localAddress });
  const answer = await client.request({
    cmd: 'initialize',
    accessToken: signToken({ uid: member.uid }, testSecret),
    ...(member.handle !== undefined && { 'connection-handle': member.handle, received }),
  } as Parameters<Client['request']>[0]);
  if (member.handle !== undefined) expect(answer.body.resumed).toBe(true);
  member.client = client;
  member.handle = answer.body['connection-handle'];
}

async function each(work: (member: Member) => Promise<void>): Promise<void> {
  const waiting = [...members];
  const worker = async () => {
    for (let next = waiting.pop(); next; next = waiting.pop()) await work(next);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

async function metrics(): Promise<(name: string) => number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return (name) => {
    const lines = [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))];
    return lines.reduce((sum, [, value]) => sum + Number(value), 0);
  };
}

async function write(writer: Client, rounds: number, from: number): Promise<void> {
  const ops = [{ op: 'addNumber', key: 'score', value: 1 }];
  for (let round = 0; round < rounds; round++) {
    const rs = Array.from({ length: objects }, (_, index) => `/users/storm-${index}`);
    const answers = await Promise.all(
      rs.map((r) => writer.request({ cmd: 'update', r, rev: 1, body: { ops } })),
    );
    expect(answers.every(({ rev }) => rev === from + round)).toBe(true);
  }
}

/** Seconds of processor time that the server has used (proc(5); a tick is 10 ms). */
function processorSeconds(): number {
  const stat = readFileSync(`/proc/${server.process.pid}/stat`, 'utf8');
  const fields = stat.split(') ').at(-1)?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function dropAll(): Promise<void> {
  for (const { client } of members) client?.socket.terminate();
  await expect.poll(async () => (await metrics())('really_connections')).toBe(1);
}

interface Storm {
  /** Of the server's processors. */
  readonly cost: number;
  /** Until every client had resumed and received everything. */
  readonly seconds: number;
}

/** All drop, miss so many revisions and come back. `from`: the revision that they have, `received`: their pushes. */
async function storm(
  writer: Client,
  missed: number,
  { from, received }: { from: number; received: number },
): Promise<Storm> {
  await dropAll();
  const idle = await metrics();
  expect(idle('really_resumable_sessions')).toBe(clients);
  // No client is connected: writes meanwhile cost nothing for disconnected clients.
  await write(writer, missed, from + 1);
  const before = await metrics();
  expect(before('really_pushes_total')).toBe(idle('really_pushes_total'));
  const [cost, begun] = [processorSeconds(), performance.now()];
  await each(async (member) => await connect(member, received));
  await each(async ({ client, uid }) => {
    const revs: (number | undefined)[] = [];
    while (revs.length < missed) revs.push((await client?.nextPush())?.rev);
    expect(revs, uid).toEqual(Array.from({ length: missed }, (_, at) => from + 1 + at));
  });
  const result = {
    cost: processorSeconds() - cost,
    seconds: (performance.now() - begun) / 1000,
  };
  const after = await metrics();
  const grew = (name: string) => after(name) - before(name);
  expect(grew('really_pushes_total')).toBe(clients * missed);
  expect(grew('really_snapshots_total')).toBe(0);
  expect(grew('really_resumes_total')).toBe(clients);
  expect(after('really_subscriptions')).toBe(clients);
  expect(after('really_resumable_sessions')).toBe(0);
  return result;
}

test(`[RES1] [RES2] [RES3] ${clients} clients reconnect at once, and each gets what it missed, at a proportional cost`, async () => {
  using writer = await server.as('writer');
  for (let index = 0; index < objects; index++) {
    const body = { name: 'n', score: 0 };
    await writer.request({ cmd: 'create', r: `/users/storm-${index}`, body });
  }
  await each(async (member) => {
    await connect(member);
    const subscriptions = [{ r: member.r, rev: 1 }];
    await member.client?.request({ cmd: 'subscribe', body: { subscriptions } });
  });
  await write(writer, 1, 2);
  await each(async ({ client }) => expect((await client?.nextPush())?.rev).toBe(2));

  const nothing = await storm(writer, 0, { from: 2, received: 1 });
  const some = await storm(writer, missed, { from: 2, received: 0 });
  const more = await storm(writer, 4 * missed, { from: 2 + missed, received: missed });
  const reported = [0, missed, 4 * missed].map((count, at) => {
    const { cost = 0, seconds = 0 } = [nothing, some, more][at] ?? {};
    return `${count} missed: ${cost.toFixed(1)} s of processor time, back after ${seconds.toFixed(1)} s`;
  });
  process.stdout.write(`${reported.join('\n')}\n`);
  // What it costs to connect is the same for all, but for noise that grows with it. The rest grows
  // no faster than what was missed: four times as much, where the square would be sixteen times.
  const forSome = Math.max(0.4, some.cost - nothing.cost);
  const bound = 4 * 1.75 * forSome + nothing.cost / 2;
  expect(more.cost - nothing.cost, reported.join('; ')).toBeLessThan(bound);
  expect(some.seconds, reported.join('; ')).toBeLessThan(patience + 3 * nothing.seconds);

  // And they are as alive as before: what comes next comes once.
  const last = 2 + 5 * missed;
  await write(writer, 1, last + 1);
  await each(async ({ client }) => {
    expect((await client?.nextPush())?.rev).toBe(last + 1);
    expect(await client?.pushesUntilNow()).toEqual([]);
    client?.socket.terminate();
  });
}, 400_000);
