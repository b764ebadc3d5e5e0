import { once } from 'node:events';
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

const get = 'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n';

const answers = ({ text }: RawClient) => text.split('"alive"').length - 1;
const answered = (client: RawClient, count: number) => client.until(() => answers(client) >= count);

/** A gateway with room for 100 requests in a second from an address. */
async function setUp(trustProxy: string[] = []) {
  const platform = simulatedPlatform({ seed: 1 });
  const metrics = new Readings();
  const gateway = await openTestGateway({
    platform,
    metrics: { ...noMetricsText, counter: metrics.counter.bind(metrics) },
    config: { trustProxy, rates: { ...noRates, addressBytes: 100 * 1024 } },
  });
  const refused = () => metrics.read('really_limit_refused_total rate.addressBytes');
  /** Somebody else is served, and with them all that could be by now. */
  const serveOther = async () => {
    const other = new RawClient(gateway.port, '127.0.0.2');
    other.write(get);
    await answered(other, 1);
    other.socket.destroy();
  };
  return { gateway, platform, refused, serveOther, open: () => new RawClient(gateway.port) };
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
