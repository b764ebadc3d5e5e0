import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { signToken } from '../../harness/token.js';
import type { WireServer } from '../../wire/wire-server.js';
import { attackerAddress } from './attack.js';

/** Bytes of the object that attackers ask for again and again. */
const size = 900_000;

/** Milliseconds between two connections, and until one that was cut off comes again. */
export const between = 75;
export const comeback = 2000;

/** What the answers are about. */
export const bigModel: Readonly<Record<string, string>> = {
  'models/big/model.yaml': `version: 1
fields: { text: { type: String } }
access: { create: true, read: true, update: true, delete: true }
`,
};

/** The object's address. */
export async function makeBig(server: WireServer): Promise<string> {
  using client = await server.as('maker');
  const { body } = await client.request({
    cmd: 'create',
    r: '/big',
    // Nothing that a compressor would make small.
    body: { text: Array.from({ length: size / 8 }, () => random()).join('') },
  });
  return String(body._r);
}

const random = (): string => Math.random().toString(36).slice(2, 10).padEnd(8, 'x');

export interface HoardOptions {
  /** Opened one after the other: what they ask for takes the server's time, which is not what this is about. */
  readonly connections: number;
  /** What each of them sends. */
  readonly bytes: Buffer | string;
  readonly until: AbortSignal;
}

/** Connections that send, and never read: each that is cut off comes again. Resolves when the time is over. */
export async function hoard(
  server: WireServer,
  { connections, bytes, until }: HoardOptions,
): Promise<{ cut: number }> {
  const { port } = new URL(server.url);
  const open = new Set<Socket>();
  let cut = 0;
  const add = () => {
    const socket = connect({
      port: Number(port),
      host: '127.0.0.1',
      localAddress: attackerAddress,
    });
    open.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => {
      open.delete(socket);
      if (until.aborted) return;
      cut++;
      setTimeout(() => !until.aborted && add(), comeback);
    });
    socket.write(bytes);
  };
  for (let count = 0; count < connections && !until.aborted; count++) {
    add();
    await pause(between);
  }
  if (!until.aborted) await once(until, 'abort');
  for (const socket of open) socket.destroy();
  return { cut };
}

/** Requests of one kind, one behind the other. */
export function pipelined(path: string, count: number, more = ''): string {
  const token = signToken({ uid: 'attacker' });
  const head = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n${more}\r\n`;
  return head.repeat(count);
}

/** A gauge of the server, with its labels as in the text. */
export async function level(server: WireServer, series: string): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1) ?? 0);
}
