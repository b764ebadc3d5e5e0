import type { Socket } from 'node:net';
import type { JsonObject } from '@really/protocol';
import { expect, test } from 'vitest';
import { signToken } from '../../harness/token.js';
import { attackedServer, expectUnharmed } from './attack.js';
import { bigModel } from './hoarders.js';
import { frame, rawWebSocket } from './raw-sockets.js';

const server = attackedServer({
  ...bigModel,
  'models/lists/model.yaml': `version: 1
fields:
  n: { type: Long }
  of: { type: List, items: { type: reference, collectionR: /big, fields: [] } }
access: { create: true, read: true }
`,
});

/** Objects of 900 KB, and sockets that subscribe to them. */
const objects = 60;
const objectBytes = 900_000;
const sockets = 12;

async function makeObjects(): Promise<string[]> {
  using client = await server.as('maker');
  const rs: string[] = [];
  for (let n = 0; n < objects; n++) {
    const body = { text: `${n}${'x'.repeat(objectBytes)}` };
    const answer = await client.request({ cmd: 'create', r: '/big', body });
    expect(answer.error).toBeUndefined();
    rs.push(String(answer.body._r));
  }
  return rs;
}

const framed = (messages: readonly JsonObject[]) =>
  Buffer.concat(messages.map((message) => frame(JSON.stringify(message))));

/** Subscribes, unsubscribes and subscribes again. */
function subscribing(rs: readonly string[]): Buffer {
  const body = { subscriptions: rs.map((r) => ({ r })) };
  return framed(['subscribe', 'unsubscribe', 'subscribe'].map((cmd) => ({ tag: 1, cmd, body })));
}

async function attackWith(until: AbortSignal, begin: (socket: Socket) => void): Promise<void> {
  const all = await Promise.all(Array.from({ length: sockets }, () => rawWebSocket(server)));
  const accessToken = signToken({ uid: 'attacker' });
  for (const socket of all) {
    socket.write(framed([{ tag: 0, cmd: 'initialize', accessToken }]));
    begin(socket);
  }
  if (!until.aborted) await new Promise((resolve) => until.addEventListener('abort', resolve));
  for (const socket of all) socket.destroy();
}

test('[DUR5] [LIM44] a client that subscribes to many large objects and never reads does no harm', async () => {
  const bytes = subscribing(await makeObjects());
  const attack = (until: AbortSignal) => attackWith(until, (socket) => socket.write(bytes));
  await expectUnharmed(server, { attack, memory: 600_000_000 });
});

test('[DUR5] [LIM44] nor does one that subscribes again as soon as it was sent a snapshot', async () => {
  const bytes = subscribing((await makeObjects()).slice(0, 1));
  let snapshots = 0;
  const attack = (until: AbortSignal) =>
    attackWith(until, (socket) => {
      let received = 0;
      socket.on('data', ({ length }: Buffer) => {
        received += length;
        if (received < objectBytes) return;
        received = 0;
        snapshots += 1;
        socket.write(bytes);
      });
      socket.write(bytes);
    });
  await expectUnharmed(server, { attack, memory: 600_000_000, hasBitten: () => snapshots > 0 });
  expect(snapshots).toBeGreaterThan(0);
});

test('[DUR5] [LIM15] [LIM44] nor does one that gets references to large objects, of which little is shown', async () => {
  using client = await server.as('maker');
  const of = (await makeObjects()).slice(0, 4);
  const { error } = await client.request({ cmd: 'create', r: '/lists/1', body: { of } });
  expect(error).toBeUndefined();
  const get = framed([{ tag: 1, cmd: 'get', r: '/lists/1' }]);
  let answers = 0;
  const attack = (until: AbortSignal) =>
    attackWith(until, (socket) => {
      socket.on('data', () => {
        answers += 1;
        socket.write(get);
      });
      socket.write(get);
    });
  await expectUnharmed(server, { attack, memory: 600_000_000, hasBitten: () => answers > sockets });
  expect(answers).toBeGreaterThan(sockets);
});
