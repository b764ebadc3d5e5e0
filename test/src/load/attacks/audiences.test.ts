import { once } from 'node:events';
import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { Client } from '../../harness/client.js';
import { signToken } from '../../harness/token.js';
import { attackedServer, expectUnharmed } from './attack.js';
import { flood, frame, rawWebSocket } from './raw-sockets.js';

const names = Array.from({ length: 11 }, (_, n) => `f${n}`);

const server = attackedServer({
  'models/walls/model.yaml': `version: 1
fields:
${names.map((name) => `  ${name}: { type: String }`).join('\n')}
access: { create: true, read: auth.data.level != 'none', update: true, delete: true }
`,
});

const words = 'some words '.repeat(20);
const body = Object.fromEntries(names.map((name) => [name, words]));

const tokenOf = (n: number, level = 'all') => signToken({ uid: `attacker-${n}`, data: { level } });

async function makeWalls(count: number): Promise<string[]> {
  using client = await server.as('maker');
  const rs: string[] = [];
  for (let n = 0; n < count; n++) {
    rs.push(String((await client.request({ cmd: 'create', r: '/walls', body })).body._r));
  }
  return rs;
}

function hello(n: number, level?: string): Buffer {
  return frame(JSON.stringify({ tag: 0, cmd: 'initialize', accessToken: tokenOf(n, level) }));
}

/** A session of this attacker's, subscribed to these. */
async function session(n: number, subscriptions: readonly object[]): Promise<Socket> {
  const socket = await rawWebSocket(server);
  for (const bytes of [
    hello(n),
    frame(JSON.stringify({ tag: 1, cmd: 'subscribe', body: { subscriptions } })),
  ]) {
    if (!socket.destroyed) {
      socket.write(bytes);
      await Promise.race([once(socket, 'data'), once(socket, 'close')]);
    }
  }
  return socket;
}

/** No two of the first thousand ask for the same fields. */
function fieldsOf(n: number): string[] {
  return names.filter((_, index) => index === 0 || (n >> (index - 1)) % 2 === 1);
}

test('[LIM42] an object that a thousand see in a thousand ways, updated as fast as may be, does no harm', async () => {
  const [r = ''] = await makeWalls(1);
  const sockets: Socket[] = [];
  for (let n = 0; n < 990; n++) sockets.push(await session(n, [{ r, fields: fieldsOf(n) }]));
  using writer = await Client.connect(server.socketUrl, tokenOf(0));
  let updates = 0;
  const attack = async (until: AbortSignal) => {
    const ops = [{ op: 'set', key: 'f0', value: words }];
    const update = async () => {
      ops[0] = { op: 'set', key: 'f0', value: `${words}${updates++}` };
      await writer.request({ cmd: 'update', r, rev: 1, body: { ops } });
    };
    const row = async () => {
      while (!until.aborted) await update();
    };
    await Promise.all(Array.from({ length: 16 }, row));
  };
  await expectUnharmed(server, { attack, memory: 400_000_000, hasBitten: () => updates > 0 });
  expect(updates).toBeGreaterThan(0);
  for (const socket of sockets) socket.destroy();
});

test('[LIM43] neither do tokens that are renewed again and again with many subscriptions', async () => {
  const rs = await makeWalls(800);
  const subscriptions = rs.map((r) => ({ r, fields: ['f0'] }));
  const sockets: Socket[] = [];
  for (let n = 0; n < 50; n++) sockets.push(await session(n, subscriptions));
  const attack = async (until: AbortSignal) => {
    await Promise.all(
      sockets.map(async (socket, n) => {
        const renewals = Buffer.concat([hello(n, 'some'), hello(n, 'more')]);
        // Once they are thrown out there is nothing left to renew.
        await flood(socket, renewals, until);
        if (!until.aborted) await once(until, 'abort');
        sockets[n] = await session(n, subscriptions);
      }),
    );
  };
  await expectUnharmed(server, { attack, memory: 400_000_000 });
  for (const socket of sockets) socket.destroy();
});

test('[LIM43] neither do connections that subscribe to much and go', async () => {
  const rs = await makeWalls(800);
  const subscriptions = rs.map((r) => ({ r, fields: ['f0'] }));
  let sessions = 0;
  const attack = async (until: AbortSignal) => {
    const row = async () => {
      while (!until.aborted) (await session(sessions++, subscriptions)).destroy();
    };
    await Promise.all(Array.from({ length: 8 }, row));
  };
  await expectUnharmed(server, { attack, memory: 400_000_000, hasBitten: () => sessions > 0 });
  expect(sessions).toBeGreaterThan(0);
});
