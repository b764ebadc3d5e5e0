/** A wire message, encoded once and shared by all its recipients. */
export interface Frame {
  /** The JSON text. */
  readonly text: string;
  /** A complete WebSocket text frame (RFC 6455, section 5.2: FIN, opcode 1, no mask). */
  readonly bytes: Buffer;
  /** `undefined` if the message is not a push. */
  readonly replayPoint?: ReplayPoint | undefined;
}

/**
 * What a push reports, to send it again to a client that missed it. `key`: the subscription's R or
 * id.
 */
export type ReplayPoint =
  /** A client at the revision before it can continue from there. */
  | { readonly kind: 'revision'; readonly key: string; readonly rev: number }
  /** Cannot be derived from the history. */
  | { readonly kind: 'snapshot'; readonly key: string }
  | { readonly kind: 'creation'; readonly key: string; readonly pos: number }
  | { readonly kind: 'window'; readonly key: string }
  | Final
  /** About a model; never sent again. */
  | { readonly kind: 'notice' };

/** The last push of a subscription; never sent again. */
export interface Final {
  readonly kind: 'final';
  readonly key: string;
  readonly r: string;
  /** The revision of the deletion, if the object was deleted. */
  readonly deletedAt?: number | undefined;
  /** Omitted if the push is the same under all rights. */
  readonly under?: Under | undefined;
}

/** The rights a push was made under: a reader's view of a collection. */
export interface Under {
  readonly names: readonly string[];
  readonly view: string;
}

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
