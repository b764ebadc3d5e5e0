import { EventEmitter, once } from 'node:events';
import type { Server, Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { expect, test } from 'vitest';
import { Readings } from '../../platform/readings.fixture.js';
import { simulatedPlatform } from '../../platform/simulated.js';
import {
  noMetricsText,
  noRates,
  openTestGateway,
  RawClient,
  upgradeRequest,
} from '../gateway.fixture.js';
import { IntakeRates } from '../limits/intake-rates.js';
import { RequestHeads } from './request-heads.js';

const get = 'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n';

const answers = ({ text }: RawClient) => text.split('"alive"').length - 1;
const posted = ({ text }: RawClient) => text.split('json.malformed').length - 1;
const answered = (client: RawClient, count: number) => client.until(() => answers(client) >= count);

/** A gateway with room for 100 requests in a second from an address. */
async function setUp(trustProxy: string[] = [], addressBytes = 100 * 1024) {
  const platform = simulatedPlatform({ seed: 1 });
  const metrics = new Readings();
  const gateway = await openTestGateway({
    platform,
    metrics: { ...noMetricsText, counter: metrics.counter.bind(metrics) },
    config: { trustProxy, rates: { ...noRates, addressBytes } },
  });
  const refused = () => metrics.read('really_limit_refused_total rate.addressBytes');
  /** Somebody else is served, and with them all that could be by now. */
  const serveOther = async () => {
    const other = new RawClient(gateway.port, '127.0.0.2');
    other.write(get);
    await answered(other, 1);
    other.socket.destroy();
  };
  /** The head of a request whose body is one byte, which is answered `json.malformed`. */
  const token = await gateway.tokens.mint({ uid: 'amal' });
  const post = `POST /v0.1/users HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Length: 1\r\n\r\n`;
  const open = () => new RawClient(gateway.port);
  return { gateway, platform, refused, serveOther, open, post };
}

test('[LIM27] an address that sent too many requests is not read, on no socket', async () => {
  const { gateway, platform, refused, serveOther, open } = await setUp();
  const [idle, sender] = [open(), open()];
  await once(idle.socket, 'connect');
  sender.write(get.repeat(150));
  await answered(sender, 150);
  const next = open();
  await once(next.socket, 'connect');
  for (const client of [idle, sender, next]) client.write(get);
  await serveOther();
  expect([answers(idle), answers(sender), answers(next)]).toEqual([0, 150, 0]);
  platform.advance(400);
  await serveOther();
  expect([answers(idle), answers(sender), answers(next)]).toEqual([0, 150, 0]);
  platform.advance(200);
  await Promise.all([answered(idle, 1), answered(sender, 151), answered(next, 1)]);
  expect(refused()).toBe(1);
  for (const { socket } of [idle, sender, next]) socket.destroy();
  await gateway.close();
});

test('[LIM27] a new connection does not forgive an address the requests of earlier ones', async () => {
  const { gateway, platform, serveOther, open } = await setUp();
  const sender = open();
  sender.write(get.repeat(150));
  await answered(sender, 150);
  sender.socket.destroy();
  await sender.ended;
  await serveOther();
  const next = open();
  next.write(get);
  await once(next.socket, 'connect');
  await serveOther();
  expect(answers(next)).toBe(0);
  platform.advance(600);
  await answered(next, 1);
  next.socket.destroy();
  await gateway.close();
});

test('[LIM27] the length of a head counts', async () => {
  const { gateway, refused, open } = await setUp();
  const sender = open();
  sender.write(get.replace('\r\n', `\r\nX-Filler: ${'x'.repeat(70_000)}\r\n`).repeat(2));
  await answered(sender, 2);
  expect(refused()).toBe(1);
  sender.socket.destroy();
  await gateway.close();
});

test('[LIM27] WebSockets of an address with too many requests go on', async () => {
  const { gateway, refused, open } = await setUp();
  const [socket, sender] = [open(), open()];
  await socket.upgrade();
  sender.write(get.repeat(150));
  await answered(sender, 150);
  expect(refused()).toBe(1);
  // A ping with an empty mask.
  socket.write(Buffer.from([0x89, 0x80, 0, 0, 0, 0]));
  await socket.until((bytes) => bytes.includes(Buffer.from([0x8a, 0])));
  for (const client of [socket, sender]) client.socket.destroy();
  await gateway.close();
});

test('[LIM27] the last request of those that were too many may be an upgrade', async () => {
  const { gateway, refused, open } = await setUp();
  const socket = open();
  socket.write(get.repeat(99));
  await answered(socket, 99);
  socket.write(get + upgradeRequest());
  await socket.until((bytes) => bytes.includes('101 Switching'));
  expect(refused()).toBe(1);
  socket.write(Buffer.from([0x89, 0x80, 0, 0, 0, 0]));
  await socket.until((bytes) => bytes.includes(Buffer.from([0x8a, 0])));
  socket.socket.destroy();
  await gateway.close();
});

test('[LIM27] requests through a trusted proxy are not those of one client', async () => {
  const { gateway, open } = await setUp(['127.0.0.1']);
  const proxy = open();
  proxy.write(get.repeat(150));
  await answered(proxy, 150);
  proxy.write(get);
  await answered(proxy, 151);
  proxy.socket.destroy();
  await gateway.close();
});

test('[LIM27] a request whose body comes later does not have its address read on', async () => {
  const { gateway, platform, serveOther, open, post } = await setUp();
  const sender = open();
  sender.write(get.repeat(99) + post);
  await answered(sender, 99);
  // The rest of a body that has begun, and with it what is too much. It is answered, as it was read.
  sender.write(`x${get.repeat(10)}${post}`);
  await answered(sender, 109);
  expect(posted(sender)).toBe(1);
  sender.write(`x${get.repeat(10)}${post}`);
  await serveOther();
  await serveOther();
  expect([answers(sender), posted(sender)]).toEqual([109, 1]);
  platform.advance(2000);
  await answered(sender, 119);
  expect(posted(sender)).toBe(2);
  sender.socket.destroy();
  await gateway.close();
});

test('[LIM27] a body that has begun is read while its address is over its rate, but no request behind it', async () => {
  const { gateway, platform, refused, serveOther, open, post } = await setUp();
  const [upload, sender] = [open(), open()];
  upload.write(post.replace('\r\n', '\r\nExpect: 100-continue\r\n'));
  await upload.until((bytes) => bytes.includes('100 Continue'));
  sender.write(get.repeat(150));
  await answered(sender, 150);
  expect(refused()).toBe(1);
  upload.write('x');
  await upload.until(() => posted(upload) === 1);
  upload.write(get);
  await serveOther();
  await serveOther();
  expect(answers(upload)).toBe(0);
  platform.advance(1000);
  await answered(upload, 1);
  for (const { socket } of [upload, sender]) socket.destroy();
  await gateway.close();
});

test('[LIM27] others wait no longer than a second for one head, however long', async () => {
  const { gateway, platform, refused, serveOther, open } = await setUp(undefined, 10 * 1024);
  const [sender, other] = [open(), open()];
  sender.write(get.replace('\r\n', `\r\nX-Filler: ${'x'.repeat(70_000)}\r\n`));
  await answered(sender, 1);
  sender.write(get);
  await answered(sender, 2);
  expect(refused()).toBe(1);
  other.write(get);
  await serveOther();
  expect(answers(other)).toBe(0);
  platform.advance(1000);
  await answered(other, 1);
  for (const { socket } of [sender, other]) socket.destroy();
  await gateway.close();
});

test('[LIM27] a socket that was read on over the rate is paused again by its next request', async () => {
  const { clock, timers } = simulatedPlatform({ seed: 1 });
  const over: string[] = [];
  const rates = new IntakeRates({
    ...{ bytes: 0, bytesBeforeInitialize: 0, addressBytes: 1024, clock },
    over: (key) => over.push(key),
  });
  const heads = new RequestHeads({ rates, timers, addresses: { isProxy: () => false } });
  const server = new EventEmitter() as Server;
  heads.watch(server, { readOn: () => {}, isReceiving: () => false });
  const stream = new Duplex({ read() {}, write() {} });
  const socket = Object.assign(stream, { remoteAddress: '192.0.2.1' }) as unknown as Socket;
  server.emit('connection', socket);
  for (let n = 0; n < 2; n++) heads.pay(socket, 1);
  await Promise.resolve();
  expect(socket.isPaused()).toBe(true);
  socket.resume();
  heads.pay(socket, 1);
  await Promise.resolve();
  expect([socket.isPaused(), over]).toEqual([true, ['rate.addressBytes']]);
});
