import { test } from 'vitest';
import { signToken } from '../../harness/token.js';
import { attackedServer, expectUnharmed } from './attack.js';
import { flood, frame, rawWebSocket } from './raw-sockets.js';

const server = attackedServer();

const many = (bytes: Buffer, length = 64 * 1024) =>
  Buffer.concat(Array.from({ length: Math.ceil(length / bytes.length) }, () => bytes));

const large = frame(`{"tag":1,"cmd":"ping","a":[1e-999${',1'.repeat(500_000)}]}`);

async function floods(payloads: readonly Buffer[], until: AbortSignal): Promise<void> {
  await Promise.all(
    payloads.map(async (bytes) => {
      // Kicked clients reconnect.
      while (!until.aborted) await flood(await rawWebSocket(server), bytes, until);
    }),
  );
}

test('[DUR5] [LIM27] [LIM28] pings, nonsense and large messages without a token do no harm', async () => {
  const payloads = [many(frame('', 9)), many(frame('', 10)), many(frame('{}')), large];
  await expectUnharmed(server, {
    attack: async (until) => await floods([...payloads, ...payloads, ...payloads], until),
    memory: 300_000_000,
  });
});

test('[DUR5] [LIM27] [LIM28] [LIM29] neither do they with one', async () => {
  const hello = frame(
    JSON.stringify({ tag: 0, cmd: 'initialize', accessToken: signToken({ uid: 'attacker' }) }),
  );
  const payloads = [many(frame('', 9)), many(frame('{"tag":1,"cmd":"ping"}')), large];
  await expectUnharmed(server, {
    attack: async (until) => {
      await Promise.all(
        [...payloads, ...payloads].map(async (bytes) => {
          const socket = await rawWebSocket(server);
          socket.write(hello);
          await flood(socket, bytes, until);
        }),
      );
    },
    memory: 300_000_000,
  });
});
