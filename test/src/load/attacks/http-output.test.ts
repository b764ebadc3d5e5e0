import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { attackedServer, expectUnharmed } from './attack.js';
import { bigModel, hoard, level, makeBig, pipelined } from './hoarders.js';

const megabyte = 1024 * 1024;
const refused = 'really_limit_refused_total{key="limits.outputTotal"}';
/** Without the price of responses, which holds one address back long before the total is reached: many addresses together get there. */
const server = attackedServer(bigModel, {
  REALLY_LIMITS_OUTPUT_TOTAL: String(8 * megabyte),
  REALLY_RATE_BYTES: '0',
  REALLY_RATE_ADDRESS_BYTES: '0',
});

test('[LIM32] [LIM34] a client that requests much over HTTP and reads nothing does no harm', async () => {
  const bytes = pipelined(`/v0.1${await makeBig(server)}`, 8);
  let most = 0;
  let ended = 0;
  const attack = async (until: AbortSignal) => {
    const watch = setInterval(async () => {
      most = Math.max(most, await level(server, 'really_limit_used{key="limits.outputTotal"}'));
    }, 250);
    await hoard(server, { connections: 60, bytes, until });
    clearInterval(watch);
    ended = await level(server, refused);
  };
  await expectUnharmed(server, {
    attack,
    memory: 400 * megabyte,
    hasBitten: async () => most > megabyte && (await level(server, refused)) > 0,
  });
  expect(most).toBeGreaterThan(megabyte);
  expect(ended).toBeGreaterThan(0);
});

test('[LIM32] a slow reader stays connected, while another hoards output', async () => {
  const r = await makeBig(server);
  const { port } = new URL(server.url);
  const slow = connect({ port: Number(port), host: '127.0.0.1' });
  let received = 0;
  slow.write(pipelined(`/v0.1${r}`, 8, ''));
  const over = new AbortController();
  const hoarding = hoard(server, {
    connections: 60,
    bytes: pipelined(`/v0.1${r}`, 8),
    until: over.signal,
  });
  const before = await level(server, refused);
  while ((await level(server, refused)) < before + 5) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  slow.on('data', (chunk) => {
    received += chunk.length;
    if (received > 8 * 900_000) slow.end();
  });
  await once(slow, 'close');
  over.abort();
  await hoarding;
  expect(received).toBeGreaterThan(8 * 900_000);
});
