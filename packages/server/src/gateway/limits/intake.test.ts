import { expect, test, vi } from 'vitest';
import { Readings } from '../../platform/readings.fixture.js';
import { simulatedPlatform } from '../../platform/simulated.js';
import { InputQuota } from '../dispatch/input-quota.js';
import {
  clientFrame,
  noRates,
  openTestGateway,
  RawClient,
  serverFrames,
  TestClient,
} from '../gateway.fixture.js';
import { Intake } from './intake.js';
import { IntakeRates } from './intake-rates.js';
import { UnreadInput } from './unread-input.js';

function ratesOf(
  given: Partial<Record<'bytes' | 'addressBytes' | 'bytesBeforeInitialize', number>>,
) {
  const platform = simulatedPlatform({ seed: 1, now: 0 });
  const over: string[] = [];
  const rates = new IntakeRates({
    ...{ bytes: 0, addressBytes: 0, bytesBeforeInitialize: 0, ...given },
    clock: platform.clock,
    over: (key) => over.push(key),
  });
  return { platform, rates, over };
}

test('[LIM27] one second’s worth is a burst, and the excess becomes debt', () => {
  const { platform, rates, over } = ratesOf({ bytes: 1000 });
  const intake = new Intake(rates, '10.0.0.1');
  intake.admit('u');
  intake.pay(1000);
  expect(intake.isOver).toBe(false);
  intake.pay(500);
  expect([intake.isOver, intake.roomAt - platform.clock.monotonic()]).toEqual([true, 500]);
  platform.advance(499);
  expect(intake.recheck()).toBe(true);
  platform.advance(1);
  expect(intake.recheck()).toBe(false);
  expect(over).toEqual(['rate.bytes']);
});

test('[LIM27] a message that is slow to parse costs more than its bytes', () => {
  const { rates } = ratesOf({ bytes: 1024 * 1024 });
  const intake = new Intake(rates, '10.0.0.1');
  intake.admit('u');
  intake.pay(100_000);
  intake.payParsed({ bytes: 100_000, time: 1, members: 0 });
  expect(intake.isOver).toBe(false);
  intake.payParsed({ bytes: 100_000, time: 17, members: 0 });
  expect([intake.isOver, intake.roomAt]).toEqual([true, ((17 * 64) / 1024) * 1000 - 1000]);
});

test('[LIM27] time in which the process stood still is not charged', () => {
  const { rates } = ratesOf({ bytes: 1024 * 1024 });
  const intake = new Intake(rates, '10.0.0.1');
  intake.admit('u');
  intake.payParsed({ bytes: 16 * 1024, time: 10_000, members: 0 });
  expect(intake.isOver).toBe(false);
});

test('[LIM27] so does a message with more than 10,000 members', () => {
  const { rates } = ratesOf({ bytes: 1024 * 1024 });
  const intake = new Intake(rates, '10.0.0.1');
  intake.admit('u');
  intake.payParsed({ bytes: 0, time: 0, members: 10_000 });
  expect(intake.isOver).toBe(false);
  intake.payParsed({ bytes: 0, time: 0, members: 10_000 + 3 * 1024 });
  expect([intake.isOver, intake.roomAt]).toEqual([true, 2000]);
});

test('[LIM27] sockets of one uid share a rate, and so do those of one address', () => {
  const { rates, over } = ratesOf({ bytes: 1000, addressBytes: 1500 });
  const sockets = ['10.0.0.1', '10.0.0.1', '10.0.0.1', '10.0.0.2'].map(
    (address) => new Intake(rates, address),
  );
  for (const [index, uid] of ['u', 'u', 'v', 'u'].entries()) sockets[index]?.admit(uid);
  sockets[0]?.pay(750);
  sockets[1]?.pay(300);
  sockets[2]?.pay(500);
  sockets[3]?.pay(1);
  expect(sockets.map(({ isOver }) => isOver)).toEqual([false, true, true, true]);
  expect(over).toEqual(['rate.bytes', 'rate.addressBytes', 'rate.bytes']);
});

test('[LIM27] before it is initialized a socket has a small rate of its own, and its debt ends with initialize', () => {
  const { rates, over } = ratesOf({ bytes: 1000, bytesBeforeInitialize: 10 });
  const intake = new Intake(rates, '10.0.0.1');
  intake.pay(41);
  expect([intake.isOver, over]).toEqual([true, ['rate.bytesBeforeInitialize']]);
  intake.admit('u');
  expect(intake.isOver).toBe(false);
});

test('[LIM27] those who wait for the same rate look again one after the other', () => {
  const { rates } = ratesOf({ bytes: 1000, addressBytes: 1000 });
  const intakes = Array.from({ length: 3 }, () => new Intake(rates, '10.0.0.1'));
  intakes[0]?.pay(1500);
  const turns = intakes.map((intake) => intake.takeTurn());
  expect([new Set(turns).size, Math.min(...turns)]).toEqual([3, intakes[0]?.roomAt]);
  const alone = new Intake(rates, '10.0.0.2');
  alone.pay(1500);
  expect([alone.takeTurn(), alone.takeTurn()]).toEqual([alone.roomAt, alone.roomAt]);
});

test('[LIM27] idle uids and addresses are forgotten', () => {
  const { platform, rates } = ratesOf({ bytes: 1000, addressBytes: 1000 });
  for (let n = 0; n < 3000; n++) {
    const intake = new Intake(rates, `10.0.${n >> 8}.${n & 255}`);
    intake.admit(`u${n}`);
    intake.end();
    platform.advance(1);
  }
  expect(rates.size).toBeLessThan(2200);
});

test('[LIM29] a socket has a small share of each tick, and the rest is shared in turns', () => {
  const ticks: (() => void)[] = [];
  const quota = new InputQuota(64 * 10_000, (next) => ticks.push(next));
  const proceeded: string[] = [];
  const socket = (name: string) => ({
    ...{ tick: 0, quotaLeft: 0 },
    proceed: () => proceeded.push(name),
  });
  const [heavy, other, little] = [socket('heavy'), socket('other'), socket('little')];
  expect(quota.take(heavy, 600_000)).toBe(true);
  expect(quota.take(heavy, 40_000)).toBe(true);
  expect(quota.take(heavy, 20_000)).toBe(false);
  expect(quota.take(other, 20_000)).toBe(false);
  for (let n = 0; n < 5; n++) expect(quota.take(little, 900)).toBe(true);
  quota.wait(heavy);
  quota.wait(other);
  expect([quota.waiting, proceeded]).toEqual([2, []]);
  ticks.shift()?.();
  expect(proceeded).toEqual(['heavy', 'other']);
  expect(quota.take(heavy, 600_000)).toBe(true);
});

async function rawClient(config: Partial<typeof noRates>) {
  const platform = simulatedPlatform({ seed: 1, now: Date.UTC(2026, 0, 1) });
  const readings = new Readings();
  const rates = { ...noRates, ...config };
  const server = await openTestGateway({ platform, config: { rates }, metrics: readings });
  const raw = new RawClient(server.port);
  await raw.upgrade();
  const close = async () => {
    raw.socket.destroy();
    await server.close();
  };
  return { server, raw, platform, readings, close };
}

const said = (bytes: Buffer) => serverFrames(bytes).map(({ payload }) => payload.toString());

test('[LIM27] pings over the rate are not read, and later only the last is answered', async () => {
  const { raw, platform, readings, close } = await rawClient({ bytesBeforeInitialize: 1024 });
  // Four seconds' worth: three pings, each of which counts 1 KiB and its bytes; the fourth exceeds
  // it.
  for (const name of 'abcdefgh') raw.write(clientFrame(name, 9));
  await raw.until((bytes) => bytes.length >= 9);
  expect(said(raw.bytes)).toEqual(['a', 'b', 'c']);
  expect(readings.read('really_limit_refused_total rate.bytesBeforeInitialize')).toBe(1);
  platform.advance(60_000);
  await raw.until((bytes) => said(bytes).includes('h'));
  expect(said(raw.bytes).slice(3).length).toBeLessThan(5);
  await close();
});

test('[LIM28] a message of more than 64 KiB before initialize closes with 1009; afterwards it does not', async () => {
  const server = await openTestGateway({
    commands: { echo: async () => ({ body: { fine: true } }) },
  });
  const large = 'x'.repeat(64 * 1024);
  const early = await TestClient.open(server.url);
  early.send({ tag: 1, cmd: 'initialize', accessToken: large });
  expect(await early.closed).toEqual({ code: 1009 });
  const client = await TestClient.initialized(server);
  client.send({ tag: 1, cmd: 'echo', large });
  expect(await client.receive(1)).toEqual([{ tag: 1, fine: true }]);
  // While the token is verified, larger messages may already arrive.
  const hasty = await TestClient.open(server.url);
  const accessToken = await server.tokens.mint({ uid: 'hasty' });
  hasty.send({ tag: 1, cmd: 'initialize', accessToken }, { tag: 2, cmd: 'echo', large });
  expect((await hasty.receive(2))[1]).toEqual({ tag: 2, fine: true });
  await server.close();
});

test('[LIM27] nothing sent over the rate is lost', async () => {
  const server = await openTestGateway({
    commands: { echo: async (_call, { n }) => ({ body: { n: n ?? null } }) },
    config: { rates: { ...noRates, bytes: 400_000 } },
  });
  const client = await TestClient.initialized(server);
  const filler = 'x'.repeat(10_000);
  for (let n = 0; n < 90; n++) client.send({ tag: n, cmd: 'echo', n, filler });
  await client.receive(90);
  expect(client.received.map(({ n }) => n)).toEqual(Array.from({ length: 90 }, (_, n) => n));
  await server.close();
});

test('[LIM27] others at an address wait no longer than a second for what one message costs', () => {
  const { platform, rates } = ratesOf({ bytes: 1_000_000, addressBytes: 2_000_000 });
  const [costly, other] = ['u1', 'u2'].map((uid) => {
    const intake = new Intake(rates, '10.0.0.1');
    intake.admit(uid);
    return intake;
  });
  costly?.payParsed({ bytes: 0, time: 0, members: 70_000 });
  const waits = () => [costly, other].map((intake) => Math.round(intake?.roomAt ?? 0));
  const cost = (60_000 * 1024) / 1000 - 1000;
  expect(waits()).toEqual([Math.round(cost), 0]);
  costly?.payParsed({ bytes: 0, time: 0, members: 70_000 });
  expect(waits()[1]).toBe(1000);
  platform.advance(1000);
  expect([other?.recheck(), costly?.recheck()]).toEqual([false, true]);
});

test('[LIM27] a body in tiny pieces costs more than its bytes', async () => {
  const platform = simulatedPlatform({ seed: 1, now: 0 });
  const readings = new Readings();
  const server = await openTestGateway({
    platform,
    metrics: readings,
    commands: { create: async () => ({ body: { body: { _r: '/a/1' } } }) },
    config: { rates: { ...noRates, bytes: 10_000 } },
  });
  const counted = vi.spyOn(UnreadInput.prototype, 'set');
  const token = await server.tokens.mint({ uid: 'amal' });
  const body = `{"a":"${'x'.repeat(92)}"}`;
  const raw = new RawClient(server.port);
  const answers = () => raw.text.split('201 Created').length - 1;
  for (const pieces of [[body], [...body]]) {
    expect(readings.read('really_limit_refused_total')).toBe(0);
    const chunks = [...pieces, ''].map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`);
    const head = `POST /v0.1/a HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nTransfer-Encoding: chunked\r\n\r\n`;
    raw.write(head + chunks.join(''));
    const before = answers();
    while (answers() === before) {
      await new Promise((resolve) => setImmediate(resolve));
      if (pieces.length > 1) platform.advance(10);
    }
  }
  expect(readings.read('really_limit_refused_total')).toBeGreaterThan(0);
  expect(counted.mock.calls.length).toBeLessThan(20);
  counted.mockRestore();
  raw.socket.destroy();
  await server.close();
});

test('[LIM27] needless fragments cost more than their bytes, one frame does not', async () => {
  const platform = simulatedPlatform({ seed: 1, now: 0 });
  const readings = new Readings();
  const server = await openTestGateway({
    platform,
    metrics: readings,
    config: { rates: { ...noRates, bytes: 4000 } },
  });
  const accessToken = await server.tokens.mint({ uid: 'amal' });
  const raw = new RawClient(server.port);
  await raw.upgrade();
  raw.write(clientFrame(JSON.stringify({ tag: 1, cmd: 'initialize', accessToken })));
  await raw.until((bytes) => bytes.includes('initialized'));
  const refused = () => readings.read('really_limit_refused_total');
  const pong = (tag: number) => `{"tag":${tag},"evt":"pinged"}`;
  const begun = clientFrame('', 1, false);
  const empty = clientFrame('', 0, false);
  const ping = '{"tag":2,"cmd":"ping"}';
  raw.write(clientFrame(ping.padEnd(6 * 101 + ping.length)));
  await raw.until((bytes) => bytes.includes(pong(2)));
  raw.write(
    Buffer.concat([begun, ...Array(100).fill(empty), clientFrame(ping.replace('2', '3'), 0)]),
  );
  await raw.until((bytes) => bytes.includes(pong(3)));
  expect(refused()).toBe(0);
  // Headers are counted once the chunk in which they came is over.
  raw.write(clientFrame(ping.replace('2', '4')));
  while (!raw.text.includes(pong(4))) {
    await new Promise((resolve) => setImmediate(resolve));
    platform.advance(10);
  }
  expect(refused()).toBe(1);
  raw.socket.destroy();
  await server.close();
});
