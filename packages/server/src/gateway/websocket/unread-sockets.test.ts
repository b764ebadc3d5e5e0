import type { Socket } from 'node:net';
import { afterEach, beforeEach, expect, type MockInstance, test, vi } from 'vitest';
import { Readings } from '../../platform/readings.fixture.js';
import { simulatedPlatform } from '../../platform/simulated.js';
import {
  clientFrame,
  noRates,
  openTestGateway,
  RawClient,
  TestClient,
  upgradeRequest,
} from '../gateway.fixture.js';
import { ClientSocket } from './client-socket.js';

let emit: MockInstance<ClientSocket['emit']>;
let attach: MockInstance<ClientSocket['attach']>;

beforeEach(() => {
  emit = vi.spyOn(ClientSocket.prototype, 'emit');
  attach = vi.spyOn(ClientSocket.prototype, 'attach');
});

afterEach(() => {
  emit.mockRestore();
  attach.mockRestore();
});

/** How many pings or messages of all sockets were parsed. */
const parsed = (what: 'ping' | 'message') =>
  emit.mock.calls.filter(([event]) => event === what).length;

const many = (frame: Buffer, count: number) => Buffer.concat(Array(count).fill(frame));

const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
};

async function start(rates: Partial<typeof noRates>) {
  const platform = simulatedPlatform({ seed: 1, now: 0 });
  const metrics = new Readings();
  const server = await openTestGateway({
    ...{ platform, metrics },
    config: { rates: { ...noRates, ...rates }, idleTimeout: 1e9, initializeTimeout: 1e9 },
  });
  const clients: RawClient[] = [];
  const open = () => {
    const client = new RawClient(server.port);
    clients.push(client);
    return client;
  };
  const connect = async () => {
    const client = open();
    await client.upgrade();
    return client;
  };
  const close = async () => {
    for (const { socket } of clients) socket.destroy();
    await server.close();
  };
  const refused = () => metrics.read('really_limit_refused_total');
  return { server, open, connect, platform, metrics, refused, close };
}

test('[LIM27] what waits on any socket of an address over its rate is not parsed, but one after the other', async () => {
  const { connect, platform, refused, close } = await start({ addressBytes: 10_000 });
  const first = await connect();
  const second = await connect();
  const pings = many(clientFrame('', 9), 20);
  first.write(pings);
  await until(() => refused() === 1);
  const third = await connect();
  second.write(pings);
  third.write(pings);
  await until(() => refused() === 3);
  expect(parsed('ping')).toBe(20);
  platform.advance(1100);
  // One is over its rate again behind its pings, the other one because of them.
  await until(() => refused() === 5);
  expect(parsed('ping')).toBe(40);
  platform.advance(3000);
  await until(() => parsed('ping') === 60);
  await close();
});

test.each([
  ['ping', clientFrame('', 9)],
  ['message', clientFrame('{}')],
] as const)(
  '[LIM27] before initialize a %s is not parsed behind 4 KiB that are over the rate',
  async (what, frame) => {
    const { connect, platform, refused, close } = await start({ bytesBeforeInitialize: 1024 });
    const client = await connect();
    client.write(many(frame, 5000));
    await until(() => refused() === 1);
    // What has arrived with it would be parsed by now.
    await connect();
    const most = Math.ceil(4096 / frame.length);
    expect(parsed(what)).toBeLessThanOrEqual(most);
    while (parsed(what) <= most) {
      platform.advance(1000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await close();
  },
);

test('[LIM27] what waits on a socket over its rate is not parsed when it is cut off', async () => {
  const { connect, metrics, refused, close } = await start({ bytesBeforeInitialize: 1024 });
  const client = await connect();
  client.write(many(clientFrame('', 9), 10));
  await until(() => refused() === 1);
  const before = parsed('ping');
  client.write(many(clientFrame('', 9), 1000));
  const socket = attach.mock.calls[0]?.[1] as Socket;
  await until(() => socket.readableLength > 0);
  client.socket.resetAndDestroy();
  await until(() => metrics.read('really_connections_closed_total') === 1);
  expect(parsed('ping')).toBe(before);
  await close();
});

/** Holds the verification of tokens, which are refused then. */
function heldVerification({ tokens }: Awaited<ReturnType<typeof start>>['server']) {
  let refuse = () => {};
  const refused = new Promise<void>((resolve) => {
    refuse = resolve;
  });
  const verify = vi.spyOn(tokens, 'verify').mockImplementation(async () => {
    await refused;
    return { ok: false, detail: 'token.invalid' };
  });
  return { verify, refuse };
}

/** A message behind an `initialize`, and more than is parsed at once before that is answered. */
const waiting = Buffer.concat([
  clientFrame('{"tag":1,"cmd":"initialize","accessToken":"x"}'),
  clientFrame('{"tag":2,"cmd":"ping"}'),
  many(clientFrame('', 9), 1000),
]);

test('[LIM28] a socket that is resumed while a message waits for initialize is paused again', async () => {
  const { server, connect, close } = await start({});
  const { refuse } = heldVerification(server);
  const client = await connect();
  client.write(waiting);
  const socket = attach.mock.calls[0]?.[1] as Socket;
  await until(() => socket.isPaused() && socket.readableLength > 0);
  socket.resume();
  expect(socket.isPaused()).toBe(false);
  await until(() => socket.isPaused());
  const before = parsed('ping');
  expect(before).toBeLessThan(1000);
  refuse();
  await client.until((bytes) => bytes.includes('"tag":2'));
  await until(() => parsed('ping') === 1000);
  await close();
});

test('[LIM28] requests before an upgrade do not resume its socket while a message waits', async () => {
  const { server, open, close } = await start({});
  const { verify, refuse } = heldVerification(server);
  const client = open();
  const get = 'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n';
  client.write(Buffer.concat([Buffer.from(get + get + upgradeRequest()), waiting]));
  await client.until(() => client.text.split('"alive"').length === 3);
  await until(() => verify.mock.calls.length === 1);
  const socket = attach.mock.calls[0]?.[1] as Socket;
  await until(() => socket.isPaused());
  refuse();
  await client.until((bytes) => bytes.includes('"tag":2'));
  await until(() => parsed('ping') === 1000);
  await close();
});

test('[LIM27] a message behind initialize is answered when its uid, over its rate by then, has room', async () => {
  const { server, connect, platform, refused, close } = await start({ bytes: 10_000 });
  const { tokens } = server;
  const verified = await tokens.verify(await tokens.mint({ uid: 'amal' }));
  const first = await TestClient.initialized(server, 'amal');
  first.send({ tag: 1, cmd: 'ping', filler: 'x'.repeat(20_000) });
  await until(() => refused() === 1);
  let verify = () => {};
  vi.spyOn(tokens, 'verify').mockImplementation(async () => {
    await new Promise<void>((resolve) => {
      verify = resolve;
    });
    return verified;
  });
  const client = await connect();
  client.write(waiting.subarray(0, waiting.indexOf(clientFrame('', 9))));
  const socket = attach.mock.calls[1]?.[1] as Socket;
  await until(() => socket.isPaused());
  verify();
  await client.until((bytes) => bytes.includes('"tag":1'));
  expect(client.bytes.includes('"tag":2')).toBe(false);
  platform.advance(5000);
  await client.until((bytes) => bytes.includes('"tag":2'));
  first.socket.terminate();
  await close();
});
