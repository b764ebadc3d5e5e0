import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { openTestGateway, RawClient, upgradeRequest } from '../gateway.fixture.js';

/** Extra connections for responses that report the limit. */
const spare = 64;

test('[LIM39] connections without a request are counted, and cut off beyond the limit', async () => {
  const { gateway, port } = await openTestGateway({ limits: { connectionsPerAddress: 2 } });
  const open = [];
  for (let n = 0; n < 2 + spare; n++) {
    const client = new RawClient(port);
    await once(client.socket, 'connect');
    open.push(client);
  }
  expect(await new RawClient(port).ended).toBe('');
  // Each of the others is served, and frees its place when it closes.
  const [first] = open;
  first?.write('GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  expect(await first?.ended).toContain('alive');
  const next = new RawClient(port);
  next.write('GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  expect(await next.ended).toContain('alive');
  for (const client of open) client.socket.destroy();
  await gateway.close();
});

test('[LIM39] connections of a trusted proxy are not counted, since it serves many clients', async () => {
  const { gateway, port } = await openTestGateway({
    limits: { connectionsPerAddress: 1 },
    config: { trustProxy: ['127.0.0.1'] },
  });
  const open = [];
  for (let n = 0; n < 1 + spare; n++) {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    open.push(socket);
  }
  const client = new RawClient(port);
  client.write('GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  expect(await client.ended).toContain('alive');
  for (const socket of open) socket.destroy();
  await gateway.close();
});

test('[LIM39] [HTTP1] ignored upgrades count once, and leave nothing behind on their connection', async () => {
  const { gateway, port } = await openTestGateway({ limits: { connectionsPerAddress: 1 } });
  const warnings: Error[] = [];
  const warn = (warning: Error) => warnings.push(warning);
  process.on('warning', warn);
  const client = new RawClient(port);
  const offers = 2 + spare;
  for (let n = 1; n <= offers; n++) {
    client.write(upgradeRequest('/health', { Upgrade: 'h2c' }));
    await client.until((bytes) => bytes.toString().split('"alive"').length > n);
  }
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', warn);
  expect(warnings).toEqual([]);
  client.socket.destroy();
  await gateway.close();
});
