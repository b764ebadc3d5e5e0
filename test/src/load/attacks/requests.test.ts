import { once } from 'node:events';
import { expect, test } from 'vitest';
import { attackedServer, expectUnharmed } from './attack.js';
import { rawSocket } from './raw-sockets.js';

const megabyte = 1024 * 1024;
const server = attackedServer();

/** One request after the other on so many connections. */
async function askOn(
  connections: number,
  request: string,
  { until, answered }: { readonly until: AbortSignal; readonly answered: () => void },
): Promise<void> {
  const ask = async () => {
    const socket = await rawSocket(server);
    const over = once(socket, 'close');
    socket.on('data', () => {
      answered();
      if (until.aborted) socket.destroy();
      else socket.write(request);
    });
    socket.write(request);
    await over;
  };
  await Promise.all(Array.from({ length: connections }, ask));
}

test.each([
  ['for nothing', ''],
  ['with a made-up token', `Authorization: Bearer ${'x'.repeat(40)}.e30.${'y'.repeat(43)}\r\n`],
])('[LIM48] a thousand connections that ask %s delay nobody else', async (_what, header) => {
  let answers = 0;
  const request = `GET /v0.1/innocents/1 HTTP/1.1\r\nHost: x\r\n${header}\r\n`;
  const attack = async (until: AbortSignal) => {
    await askOn(1000, request, { until, answered: () => answers++ });
  };
  const hasBitten = () => answers > 1000;
  await expectUnharmed(server, { attack, memory: 200 * megabyte, hasBitten });
  expect(answers).toBeGreaterThan(1000);
});
