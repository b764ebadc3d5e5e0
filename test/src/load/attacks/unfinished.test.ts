import { test } from 'vitest';
import { signToken } from '../../harness/token.js';
import { attackedServer, expectUnharmed } from './attack.js';
import { frame, rawSocket, rawWebSocket } from './raw-sockets.js';

const server = attackedServer();

const nearlyAll = Buffer.alloc(1_000_000, 'x');

/** Opens this many connections, a few at a time, keeps them as long as the attack goes on, and then lets go of them. */
async function hold(
  count: number,
  until: AbortSignal,
  open: () => Promise<{ destroy(): void }>,
): Promise<void> {
  const held: { destroy(): void }[] = [];
  const worker = async () => {
    while (held.length < count && !until.aborted) held.push(await open());
  };
  await Promise.all(Array.from({ length: 20 }, worker));
  if (!until.aborted) await new Promise((resolve) => until.addEventListener('abort', resolve));
  for (const one of held) one.destroy();
}

test('[DUR5] [LIM28] [LIM30] messages that never come to their end do no harm', async () => {
  const accessToken = signToken({ uid: 'attacker' });
  const hello = frame(JSON.stringify({ tag: 0, cmd: 'initialize', accessToken }));
  const beginning = Buffer.concat([hello, frame('', 1, 1_040_000), nearlyAll]);
  const ofNobody = Buffer.concat([frame('', 1, 1_040_000), nearlyAll]);
  let count = 0;
  await expectUnharmed(server, {
    attack: async (until) =>
      await hold(800, until, async () => {
        const socket = await rawWebSocket(server);
        socket.write(count++ % 2 === 0 ? beginning : ofNobody);
        return socket;
      }),
    memory: 400_000_000,
  });
});

test('[DUR5] [HTTP17] [LIM30] neither do bodies', async () => {
  const head = (token: string) =>
    `POST /v0.1/innocents HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Length: 1040000\r\n\r\n`;
  const token = signToken({ uid: 'attacker' });
  let count = 0;
  await expectUnharmed(server, {
    attack: async (until) =>
      await hold(800, until, async () => {
        const socket = await rawSocket(server);
        socket.write(head(count++ % 2 === 0 ? token : 'nonsense'));
        socket.write(nearlyAll);
        return socket;
      }),
    memory: 400_000_000,
  });
});
