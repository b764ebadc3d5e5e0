import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { signToken } from '../../harness/token.js';
import type { WireServer } from '../../wire/wire-server.js';
import { attackedServer, attackTime, expectUnharmed } from './attack.js';
import { bigModel, makeBig, pipelined } from './hoarders.js';
import { frame, rawSocket, rawWebSocket } from './raw-sockets.js';

const server = attackedServer({
  ...bigModel,
  'models/wide/model.yaml': `version: 1
fields:
  parts:
    type: List
    items: { type: Object, fields: { a: { type: Long }, b: { type: Long }, c: { type: Long }, d: { type: Long } } }
access: { create: true, read: true, update: true, delete: true }
`,
});

/** Sockets of the attack, and what each asks for at once. */
const sockets = 100;
const atOnce = 10;

/** Asks, reads the answers, and asks for as much again whenever so many bytes have come. */
async function insist(socket: Socket, bytes: Buffer | string, expected: number): Promise<void> {
  let received = 0;
  socket.on('data', ({ length }: Buffer) => {
    received += length;
    if (received < expected) return;
    received = 0;
    socket.write(bytes);
  });
  socket.write(bytes);
}

async function overWebSocket(target: WireServer, message: object): Promise<Socket> {
  const socket = await rawWebSocket(target);
  const accessToken = signToken({ uid: 'attacker' });
  socket.write(frame(JSON.stringify({ tag: 0, cmd: 'initialize', accessToken })));
  const ask = frame(JSON.stringify({ tag: 1, ...message }));
  await insist(socket, Buffer.concat(Array.from({ length: atOnce }, () => ask)), 8_500_000);
  return socket;
}

async function attackWith(until: AbortSignal, open: () => Promise<Socket>): Promise<void> {
  const all = await Promise.all(Array.from({ length: sockets }, open));
  if (!until.aborted) await new Promise((resolve) => until.addEventListener('abort', resolve));
  for (const socket of all) socket.destroy();
}

/** An object that takes long to write out: many small members. */
async function makeWide(): Promise<string> {
  using client = await server.as('maker');
  const part = { a: 1_234_567_890, b: 1_234_567_890, c: 1_234_567_890, d: 1_234_567_890 };
  const parts = Array.from({ length: 10_000 }, () => part);
  const { body, error } = await client.request({ cmd: 'create', r: '/wide', body: { parts } });
  expect(error).toBeUndefined();
  return String(body._r);
}

test('[LIM37] many clients that request and read large objects do no harm', async () => {
  const r = await makeBig(server);
  const attack = async (until: AbortSignal) =>
    await attackWith(until, () => overWebSocket(server, { cmd: 'get', r }));
  await expectUnharmed(server, { attack, memory: 600_000_000 });
});

test('[LIM37] requests whose responses take long to write do no harm', async () => {
  const r = await makeWide();
  const attack = async (until: AbortSignal) =>
    await attackWith(until, () => overWebSocket(server, { cmd: 'get', r }));
  await expectUnharmed(server, { attack, memory: 600_000_000 });
});

test('[LIM37] requests for large objects over HTTP do no harm', async () => {
  const bytes = pipelined(`/v0.1${await makeBig(server)}`, atOnce);
  const attack = async (until: AbortSignal) =>
    await attackWith(until, async () => {
      const socket = await rawSocket(server);
      await insist(socket, bytes, 8_500_000);
      return socket;
    });
  await expectUnharmed(server, { attack, memory: 600_000_000 });
});

test(
  '[LIM37] neither do those who ask for long pages',
  async () => {
    for (let n = 0; n < 10; n++) await makeBig(server);
    const attack = async (until: AbortSignal) =>
      await attackWith(until, () =>
        overWebSocket(server, { cmd: 'read', r: '/big', cmdOpts: { limit: 100 } }),
      );
    await expectUnharmed(server, { attack, memory: 600_000_000 });
  },
  300_000 + 20 * attackTime,
);
