import { expect, test } from 'vitest';
import { Client } from '../harness/client.js';
import { testSecret } from '../harness/server-process.js';
import { signToken } from '../harness/token.js';
import { wireServer } from '../wire/wire-server.js';

const clients = 5000;
const objects = 250;
/** Revisions that each client misses. */
const missed = 20;
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

test(`[RES1] [RES2] [RES3] ${clients} clients come back at once, and each gets what it missed, and no more`, async () => {
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
  await each(async ({ client }) => {
    expect((await client?.nextPush())?.rev).toBe(2);
    client?.socket.terminate();
  });
  await expect
    .poll(async () => (await metrics())('really_connections'), { timeout: 20_000 })
    .toBe(1);
  const idle = await metrics();
  expect(idle('really_parked_sessions')).toBe(clients);
  // Nobody is there: what is written meanwhile costs nothing for those who are away.
  await write(writer, missed, 3);
  const before = await metrics();
  expect(before('really_pushes_total')).toBe(idle('really_pushes_total'));

  await each(async (member) => await connect(member, 1));
  await each(async ({ client, uid }) => {
    const revs: (number | undefined)[] = [];
    while (revs.length < missed) revs.push((await client?.nextPush(60_000))?.rev);
    expect(revs, uid).toEqual(Array.from({ length: missed }, (_, at) => at + 3));
  });
  const after = await metrics();
  const grew = (name: string) => after(name) - before(name);
  expect(grew('really_pushes_total')).toBe(clients * missed);
  expect(grew('really_snapshots_total')).toBe(0);
  expect(grew('really_resumes_total')).toBe(clients);
  expect(after('really_subscriptions')).toBe(clients);
  expect(after('really_parked_sessions')).toBe(0);
  // And they are as alive as before: what comes next comes once.
  await write(writer, 1, missed + 3);
  await each(async ({ client }) => {
    expect((await client?.nextPush())?.rev).toBe(missed + 3);
    expect(await client?.pushesUntilNow()).toEqual([]);
    client?.socket.terminate();
  });
}, 240_000);
