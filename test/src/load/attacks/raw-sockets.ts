import { connect, type Socket } from 'node:net';
import type { WireServer } from '../../wire/wire-server.js';
import { attackerAddress } from './attack.js';

/** A connection of an attacker, from this address, that reads what it is sent and drops it. */
export function rawSocket(server: WireServer, localAddress = attackerAddress): Promise<Socket> {
  const { hostname, port } = new URL(server.url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), localAddress });
    socket.once('connect', () => {
      socket.off('error', reject);
      socket.on('error', () => {});
      socket.resume();
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

/** The same as a WebSocket that said nothing yet. */
export async function rawWebSocket(server: WireServer, localAddress?: string): Promise<Socket> {
  const socket = await rawSocket(server, localAddress);
  const lines = [
    'GET /v0.1/socket HTTP/1.1',
    `Host: ${new URL(server.url).host}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ];
  const answered = new Promise((resolve) => socket.once('data', resolve).once('close', resolve));
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  await answered;
  return socket;
}

/**
 * Writes these bytes again and again, as fast as they are accepted. Resolves when it is stopped, or when the other
 * side closed the connection.
 */
export async function flood(socket: Socket, bytes: Buffer, until: AbortSignal): Promise<void> {
  const over = new Promise<void>((resolve) => {
    until.addEventListener('abort', () => resolve(), { once: true });
    socket.once('close', () => resolve());
  });
  while (!until.aborted && !socket.destroyed) {
    const isTaken = socket.write(bytes);
    const taken = isTaken
      ? new Promise<void>((resolve) => setImmediate(resolve))
      : new Promise<void>((resolve) => socket.once('drain', resolve));
    await Promise.race([taken, over]);
  }
  socket.destroy();
}

/** A frame of a client, masked with zeros. `claimed`: bytes that it says it has. */
export function frame(payload: string | Buffer, opcode = 1, claimed?: number): Buffer {
  const data = Buffer.from(payload);
  const length = claimed ?? data.length;
  const head = Buffer.alloc(length > 65_535 ? 14 : length > 125 ? 8 : 6);
  head[0] = 0x80 | opcode;
  if (length > 65_535) {
    head[1] = 0x80 | 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  } else if (length > 125) {
    head[1] = 0x80 | 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = 0x80 | length;
  }
  return Buffer.concat([head, data]);
}
