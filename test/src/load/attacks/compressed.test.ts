import { once } from 'node:events';
import { expect, test } from 'vitest';
import { attackedServer, expectUnharmed } from './attack.js';
import { rawSocket } from './raw-sockets.js';

const megabyte = 1024 * 1024;
const script = Array.from(
  { length: 40_000 },
  (_, n) => `function f${n}(a) { return a * ${(n * 7919) % 104_729}; }\n`,
).join('');
const server = attackedServer({ 'public/app.js': script });

/** Asks for a large file again and again, to be compressed each time. */
async function ask(until: AbortSignal, received: (bytes: number) => void): Promise<void> {
  const socket = await rawSocket(server);
  socket.on('data', ({ length }: Buffer) => received(length));
  const over = once(until, 'abort');
  socket.write('GET /app.js HTTP/1.1\r\nHost: x\r\nAccept-Encoding: br\r\n\r\n'.repeat(20));
  await Promise.race([over, once(socket, 'close')]);
  socket.destroy();
}

test('[LIM47] many who ask for large files compressed neither fill the memory nor delay others', async () => {
  let bytes = 0;
  const attack = async (until: AbortSignal) => {
    const received = (more: number) => {
      bytes += more;
    };
    await Promise.all(Array.from({ length: 200 }, () => ask(until, received)));
  };
  await expectUnharmed(server, {
    attack,
    memory: 250 * megabyte,
    hasBitten: () => bytes > megabyte,
  });
  expect(bytes).toBeGreaterThan(megabyte);
});
