import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { JsonObject } from '@really/protocol';
import { expect, test, vi } from 'vitest';
import { simulatedPlatform } from '../../platform/simulated.js';
import {
  clientFrame,
  noRates,
  openTestGateway,
  RawClient,
  TestClient,
} from '../gateway.fixture.js';
import { OwnerQueues } from './owner-queues.js';
import { PricedResponses } from './priced-responses.js';
import { isWithin, ResponseQuota } from './response-quota.js';

function quotaOf(bytes: number) {
  const ticks: (() => void)[] = [];
  const quota = new ResponseQuota(bytes, (next) => ticks.push(next));
  const written: string[] = [];
  const write = (owner: string, size: number) => {
    const text = 'x'.repeat(size);
    void quota.write(owner, { text }, () => {
      written.push(`${owner} ${size}`);
      return text;
    });
  };
  const next = () => {
    ticks.shift()?.();
    return written.splice(0);
  };
  return { quota, written, write, next };
}

test('[LIM37] large responses are written in turns per owner, and small ones go first', () => {
  const { quota, written, write, next } = quotaOf(64_000);
  write('heavy', 60_000);
  write('heavy', 50_000);
  for (let n = 0; n < 3; n++) write('heavy', 40_000);
  write('other', 30_000);
  write('other', 100);
  expect(written.splice(0)).toEqual(['heavy 60000', 'heavy 50000', 'other 100']);
  expect(quota.waiting).toBe(4);
  expect(next()).toEqual(['heavy 40000', 'other 30000']);
  expect(next()).toEqual(['heavy 40000', 'heavy 40000']);
  expect(next()).toEqual([]);
  write('heavy', 60_000);
  expect(written).toEqual(['heavy 60000']);
});

test('[LIM37] small responses are bounded per tick, too', () => {
  const { written, write, next } = quotaOf(64_000);
  write('heavy', 100_000);
  for (let n = 0; n < 200; n++) write('heavy', 900);
  expect(written.splice(0)).toHaveLength(1 + Math.ceil(64_000 / 900));
  expect(next()).toHaveLength(Math.ceil(64_000 / 900));
});

test('[LIM37] a response that cannot be written fails only its own request', async () => {
  const ticks: (() => void)[] = [];
  const quota = new ResponseQuota(10, (next) => ticks.push(next));
  void quota.write('a', {}, () => 'x'.repeat(20));
  const failing = quota.write('a', { text: 'x'.repeat(20) }, () => {
    throw new Error('no');
  });
  const fine = quota.write('b', { text: 'x'.repeat(20) }, () => 'fine');
  ticks.shift()?.();
  await expect(failing).rejects.toThrow('no');
  expect(await fine).toBe('fine');
});

test.each<[JsonObject | number[], boolean]>([
  [{ a: 'x'.repeat(80) }, true],
  [{ a: 'x'.repeat(100) }, false],
  [Array.from({ length: 11 }, () => 1), true],
  [Array.from({ length: 13 }, () => 1), false],
  [{ a: { b: [null, { c: 'x'.repeat(100) }] } }, false],
])('[LIM37] the size of a response is estimated without writing it (%#)', (value, isSmall) => {
  expect(isWithin(value, 100)).toBe(isSmall);
});

test('[LIM37] only so many commands of an owner run at a time, and an owner in debt waits', () => {
  const { clock, timers, advance } = withAdvance();
  const queues = new OwnerQueues(2, { clock, timers });
  const started: string[] = [];
  const payer = { roomAt: 0, pay() {} };
  const begin = (owner: string, name: string) =>
    queues.begin({ owner, uid: owner, payer }, () => started.push(name));
  for (const name of ['a1', 'a2', 'a3', 'a4']) begin('a', name);
  begin('b', 'b1');
  expect(started.splice(0)).toEqual(['a1', 'a2', 'b1']);
  queues.ended('a');
  expect(started.splice(0)).toEqual(['a3']);
  payer.roomAt = clock.monotonic() + 500;
  queues.ended('a');
  queues.ended('a');
  begin('a', 'a5');
  expect(started).toEqual([]);
  advance(499);
  expect(started).toEqual([]);
  advance(1);
  expect(started.splice(0)).toEqual(['a4', 'a5']);
  for (const owner of ['a', 'a', 'b']) queues.ended(owner);
  expect(queues.size).toBe(0);
});

test('[LIM37] a uid in debt does not delay others of the same address', () => {
  const { clock, timers, advance } = withAdvance();
  const queues = new OwnerQueues(2, { clock, timers });
  const started: string[] = [];
  const debtor = { roomAt: clock.monotonic() + 500, pay() {} };
  const other = { roomAt: 0, pay() {} };
  const begin = (uid: string, payer: typeof other, name: string) =>
    queues.begin({ owner: 'address', uid, payer }, () => started.push(name));
  begin('debtor', debtor, 'd1');
  begin('debtor', debtor, 'd2');
  begin('other', other, 'o1');
  begin('another', other, 'a1');
  expect(started.splice(0)).toEqual(['o1', 'a1']);
  begin('other', other, 'o2');
  queues.ended('address');
  expect(started.splice(0)).toEqual(['o2']);
  advance(500);
  expect(started).toEqual([]);
  queues.ended('address');
  queues.ended('address');
  expect(started.splice(0)).toEqual(['d1', 'd2']);
  queues.ended('address');
  queues.ended('address');
  expect(queues.size).toBe(0);
});

test('[LIM37] a request whose client has left does not wait any more', async () => {
  const platform = simulatedPlatform({ seed: 1, now: 0 });
  const priced = new PricedResponses(1000, platform);
  const payer = { roomAt: 500, pay() {} };
  const by = { owner: 'a', uid: 'a', payer };
  const response = new EventEmitter();
  const ran: string[] = [];
  const run = (name: string) =>
    priced.run('get', { by, response: response as ServerResponse }, async () => ran.push(name));
  const left = run('left');
  expect(priced.queued).toBe(1);
  response.emit('close');
  await expect(left).rejects.toMatchObject({ code: 503 });
  expect(priced.queued).toBe(0);
  expect(response.listenerCount('close')).toBe(0);
  const stays = run('stays');
  platform.advance(500);
  await stays;
  expect(ran).toEqual(['stays']);
  expect(response.listenerCount('close')).toBe(0);
});

function withAdvance() {
  const platform = simulatedPlatform({ seed: 1, now: 0 });
  return { ...platform, advance: (ms: number) => platform.advance(ms) };
}

const text = 'x'.repeat(10_000);
const big = async () => ({ body: { body: { _rev: 1, text } } as JsonObject });

test('[LIM37] a client that received much is not read until that is paid for', async () => {
  const platform = simulatedPlatform({ seed: 1, now: 0 });
  const server = await openTestGateway({
    platform,
    commands: { get: big, other: async () => ({ body: {} }) },
    config: { rates: { ...noRates, bytes: 1000 } },
  });
  const client = await TestClient.initialized(server);
  client.send({ tag: 1, cmd: 'get', r: '/a/1' });
  await client.receive(1);
  client.send({ tag: 2, cmd: 'other' });
  const other = await TestClient.initialized(server, 'another');
  other.send({ tag: 1, cmd: 'other' });
  await other.receive(1);
  expect(client.received).toHaveLength(1);
  // Half of the response size, less the burst of one second.
  platform.advance(3900);
  other.send({ tag: 2, cmd: 'other' });
  await other.receive(2);
  expect(client.received).toHaveLength(1);
  platform.advance(400);
  await client.receive(2);
  await server.close();
});

test('[LIM37] over HTTP the next response waits as long', async () => {
  const platform = simulatedPlatform({ seed: 1, now: 0 });
  const server = await openTestGateway({
    platform,
    commands: { get: big },
    config: { rates: { ...noRates, bytes: 1000 } },
  });
  const ask = async (uid: string) => {
    const authorization = `Bearer ${await server.tokens.mint({ uid })}`;
    const headers = { authorization, 'accept-encoding': 'identity' };
    return await (await fetch(`${server.url}/v0.1/a/1`, { headers })).text();
  };
  expect(await ask('amal')).toHaveLength(10_029);
  let isAnswered = false;
  const second = ask('amal').then(() => {
    isAnswered = true;
  });
  await ask('another');
  platform.advance(3900);
  await ask('a third');
  expect(isAnswered).toBe(false);
  platform.advance(200);
  await second;
  await server.close();
});

/** A gateway with a rate, whose requests a test can count, and how to ask it over HTTP. */
async function pricedGateway() {
  const platform = simulatedPlatform({ seed: 1, now: 0 });
  const requests = vi.spyOn(PricedResponses.prototype, 'run');
  const ran: string[] = [];
  const server = await openTestGateway({
    platform,
    commands: {
      get: async ({ auth }) => {
        ran.push(auth.uid);
        return await big();
      },
    },
    config: { rates: { ...noRates, bytes: 1000 } },
  });
  const ask = async (uid: string, signal: AbortSignal | null = null) => {
    const token = await server.tokens.mint({ uid, authType: 'anonymous' });
    const headers = { authorization: `Bearer ${token}`, 'accept-encoding': 'identity' };
    return await (await fetch(`${server.url}/v0.1/a/1`, { headers, signal })).text();
  };
  const until = async (isSo: () => boolean) => {
    while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
  };
  const untilReceived = (count: number) => until(() => requests.mock.calls.length === count);
  const untilRefused = () =>
    until(() => requests.mock.settledResults.some(({ type }) => type === 'rejected'));
  const close = async () => {
    await server.close();
    requests.mockRestore();
  };
  return { platform, ran, ask, untilReceived, untilRefused, close };
}

test('[LIM37] over HTTP an anonymous user in debt does not delay another one of the same address', async () => {
  const { platform, ran, ask, untilReceived, close } = await pricedGateway();
  await ask('debtor');
  const waiting = [ask('debtor'), ask('debtor'), ask('debtor')];
  await untilReceived(4);
  await ask('other');
  expect(ran).toEqual(['debtor', 'other']);
  platform.advance(60_000);
  await Promise.all(waiting);
  expect(ran).toEqual(['debtor', 'other', 'debtor', 'debtor', 'debtor']);
  await close();
});

test('[LIM37] over HTTP a request whose client has left while it waited is not carried out', async () => {
  const { platform, ran, ask, untilReceived, untilRefused, close } = await pricedGateway();
  await ask('debtor');
  const leaving = new AbortController();
  const left = ask('debtor', leaving.signal);
  await untilReceived(2);
  leaving.abort();
  await expect(left).rejects.toMatchObject({ name: 'AbortError' });
  await untilRefused();
  platform.advance(60_000);
  await ask('debtor');
  expect(ran).toEqual(['debtor', 'debtor']);
  await close();
});

test('[LIM27] a body is charged to the uid that sends it', async () => {
  const platform = simulatedPlatform({ seed: 1, now: 0 });
  const server = await openTestGateway({
    platform,
    commands: { create: async () => ({ body: { body: { _r: '/a/1' } } }) },
    config: { rates: { ...noRates, bytes: 1000 } },
  });
  const token = await server.tokens.mint({ uid: 'amal' });
  const client = new RawClient(server.port);
  const post = (size: number) =>
    client.write(
      `POST /v0.1/a HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Length: ${size}\r\n\r\n`,
    );
  post(4000);
  client.write('{"a":"');
  client.write('x'.repeat(3000));
  const other = await TestClient.initialized(server, 'another');
  other.send({ tag: 1, cmd: 'create', r: '/a' });
  await other.receive(1);
  client.write(`${'x'.repeat(992)}"}`);
  other.send({ tag: 2, cmd: 'create', r: '/a' });
  await other.receive(2);
  expect(client.text).toBe('');
  while (!client.text.includes('201 Created')) {
    platform.advance(100);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await server.close();
});

test('[LIM37] a client that closes behind its commands pays for them all the same', async () => {
  const platform = simulatedPlatform({ seed: 1, now: 0 });
  const server = await openTestGateway({
    platform,
    commands: { get: big, other: async () => ({ body: {} }) },
    config: { rates: { ...noRates, bytes: 1000 } },
  });
  const leaving = new RawClient(server.port);
  await leaving.upgrade();
  const accessToken = await server.tokens.mint({ uid: 'amal' });
  leaving.write(clientFrame(JSON.stringify({ tag: 0, cmd: 'initialize', accessToken })));
  await leaving.until((bytes) => bytes.includes('initialized'));
  const get = clientFrame('{"tag":1,"cmd":"get","r":"/a/1"}');
  leaving.write(Buffer.concat([get, clientFrame(Buffer.from([3, 232]), 8)]));
  await leaving.ended;
  const client = await TestClient.initialized(server);
  client.send({ tag: 1, cmd: 'other' });
  const another = await TestClient.initialized(server, 'another');
  another.send({ tag: 1, cmd: 'other' });
  await another.receive(1);
  // Half of the response size, less the burst of one second.
  platform.advance(3900);
  another.send({ tag: 2, cmd: 'other' });
  await another.receive(2);
  expect(client.received).toEqual([]);
  platform.advance(400);
  await client.receive(1);
  await server.close();
});
