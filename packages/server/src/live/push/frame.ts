/** One message for the wire, encoded once and shared by everybody who gets it. */
export interface Frame {
  /** The JSON text. */
  readonly text: string;
  /** A complete WebSocket text frame (RFC 6455, section 5.2: FIN, opcode 1, no mask). */
  readonly bytes: Buffer;
  /** Of a push. */
  readonly replayPoint?: ReplayPoint | undefined;
}

/** What a push is about, so that it can be told again to somebody who did not get it. `key`: of the subscription, its R or id. */
export type ReplayPoint =
  /** Who has the revision before it goes on from there. */
  | { readonly kind: 'revision'; readonly key: string; readonly rev: number }
  /** It stands for what nobody can say in another way. */
  | { readonly kind: 'snapshot'; readonly key: string }
  | { readonly kind: 'creation'; readonly key: string; readonly pos: number }
  | { readonly kind: 'window'; readonly key: string }
  | Final
  /** What is said of a model: nothing tells it again. */
  | { readonly kind: 'notice' };

/** The last that is heard of a subscription: nothing tells it again. */
export interface Final {
  readonly kind: 'final';
  readonly key: string;
  readonly r: string;
  /** Of an object that was deleted, at this revision. */
  readonly deletedAt?: number | undefined;
  /** Left out where it is the same for everybody. */
  readonly under?: Under | undefined;
}

/** Rights under which something was said: a reader's view of a collection. */
export interface Under {
  readonly names: readonly string[];
  readonly view: string;
}

/** Encodes a message once for everybody who gets it. */
export function encodeFrame(text: string, replayPoint?: ReplayPoint): Frame {
  const size = Buffer.byteLength(text);
  const head = size < 126 ? 2 : size < 65_536 ? 4 : 10;
  const bytes = Buffer.allocUnsafe(head + size);
  bytes[0] = 0x81;
  if (head === 2) {
    bytes[1] = size;
  } else if (head === 4) {
    bytes[1] = 126;
    bytes.writeUInt16BE(size, 2);
  } else {
    bytes[1] = 127;
    bytes.writeUInt32BE(Math.floor(size / 2 ** 32), 2);
    bytes.writeUInt32BE(size % 2 ** 32, 6);
  }
  bytes.write(text, head);
  return { text, bytes, replayPoint };
}
