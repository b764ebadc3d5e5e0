import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Client } from '../../harness/client.js';
import { testSecret } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';
import { attackedServer, attackerAddress, expectUnharmed } from './attack.js';

const megabyte = 1024 * 1024;
const server = attackedServer({
  'models/boards/model.yaml': `version: 1
fields: { text: { type: String } }
access: { create: true, read: true }
`,
});

const r = '/boards/1';
const noise = 'x'.repeat(16 * 1024 - 64);

async function attacker(uid: string): Promise<Client> {
  const client = await Client.open(server.socketUrl, { localAddress: attackerAddress });
  const accessToken = signToken({ uid }, testSecret);
  await client.request({ cmd: 'initialize', accessToken });
  return client;
}

/** Says as much as it can in a room, joins it again and again, and reads on or not. */
async function shout(client: Client, reads: boolean, until: AbortSignal): Promise<number> {
  let refused = 0;
  const ask = async (message: Parameters<Client['request']>[0]) => {
    const { error } = await client.request(message);
    if (error?.code === 429) refused++;
  };
  await client.request({ cmd: 'join', r, body: { state: {} } });
  if (!reads) client.socket.pause();
  for (let n = 0; !until.aborted; n++) {
    const asked = [
      ask({ cmd: 'send', r, body: { event: 'noise', data: noise } }),
      ask({ cmd: 'present', r, body: { n, noise: noise.slice(0, 1900) } }),
      ask({ cmd: 'join', r, body: { state: { n } } }),
    ];
    if (reads) await Promise.all(asked);
    else for (const answer of asked) answer.catch(() => {});
    client.pushes.length = 0;
    await pause(reads ? 0 : 10);
  }
  return refused;
}

test('[PRS8] members of a room who say as much as they can do the others no harm', async () => {
  using maker = await server.as('maker');
  await maker.request({ cmd: 'create', r, body: {} });
  let refused = 0;
  const attack = async (until: AbortSignal) => {
    const clients = await Promise.all(
      Array.from({ length: 30 }, (_, n) => attacker(`attacker${n % 3}`)),
    );
    // Some closed for what waits for them.
    const ended = clients.map((client, n) => shout(client, n % 2 === 0, until).catch(() => 0));
    for (const count of await Promise.all(ended)) refused += count;
    for (const client of clients) client.socket.terminate();
  };
  await expectUnharmed(server, { attack, memory: 300 * megabyte });
  expect(refused).toBeGreaterThan(0);
});
