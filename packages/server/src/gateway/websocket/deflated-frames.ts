import type { IncomingMessage } from 'node:http';
import { constants, deflateRawSync } from 'node:zlib';
import type { ServerOptions, WebSocket } from 'ws';

/**
 * permessage-deflate (RFC 7692) without context takeover: no message refers to an earlier one, so
 * neither side keeps state between messages, and a frame for many clients is compressed once for
 * all of them.
 */
export const deflateTerms: ServerOptions['perMessageDeflate'] = {
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
};

/**
 * True if a client gets compressed frames. A client that asks for a smaller window would need
 * frames of its own, so it gets uncompressed ones, which are always allowed.
 */
export function takesDeflated(ws: WebSocket, { headers }: IncomingMessage): boolean {
  const offer = headers['sec-websocket-extensions'] ?? '';
  return ws.extensions !== '' && !/server_max_window_bits/i.test(offer);
}

/** Bytes. A smaller message is not worth compressing, a larger one would block the others. */
const smallest = 1024;
const largest = 256 * 1024;

/** The fastest level: it blocks the event loop. */
const options = { level: constants.Z_BEST_SPEED, finishFlush: constants.Z_SYNC_FLUSH };

/** Bytes at the end of a compressed message that are not sent (RFC 7692, section 7.2.1). */
const tail = 4;

/** Compressed frames by their plain form, for as long as that exists. */
const known = new WeakMap<Buffer, Buffer>();

/** A text frame for a client that takes compressed ones; unchanged if that gains nothing. */
export function deflatedFrame(frame: Buffer): Buffer {
  if (frame.length < smallest || frame.length > largest) return frame;
  const before = known.get(frame);
  if (before) return before;
  const made = compress(frame);
  const better = made.length < frame.length ? made : frame;
  known.set(frame, better);
  return better;
}

function compress(frame: Buffer): Buffer {
  const deflated = deflateRawSync(frame.subarray(headSize(frame)), options);
  const payload = deflated.subarray(0, deflated.length - tail);
  return Buffer.concat([headFor(payload.length), payload]);
}

/** RFC 6455, section 5.2; frames of a server have no mask. */
function headSize(frame: Buffer): number {
  const short = frame[1] ?? 0;
  return short === 127 ? 10 : short === 126 ? 4 : 2;
}

/** FIN, RSV1 for compressed, opcode 1. */
const firstByte = 0xc1;

function headFor(size: number): Buffer {
  if (size < 126) return Buffer.from([firstByte, size]);
  const head = Buffer.alloc(size < 65_536 ? 4 : 10);
  head[0] = firstByte;
  head[1] = size < 65_536 ? 126 : 127;
  if (size < 65_536) head.writeUInt16BE(size, 2);
  else head.writeUInt32BE(size, 6);
  return head;
}
