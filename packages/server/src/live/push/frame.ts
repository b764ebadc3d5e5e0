/** A wire message, encoded once and shared by all its recipients. */
export interface Frame extends SentPush {
  /** The JSON text. */
  readonly text: string;
  /** What a push is, and from where one goes on after it; `undefined` if it is not a push. */
  readonly head?: PushHead | undefined;
  /** The part that connections keep until their client has surely received it. */
  readonly sent: SentPush;
}

/** A push as it was sent; all who keep it share it. */
export interface SentPush {
  /** A complete WebSocket text frame (RFC 6455, section 5.2: FIN, opcode 1, no mask). */
  readonly bytes: Buffer;
  /** `undefined` if the message is not a push. */
  readonly replayPoint?: ReplayPoint | undefined;
}

/** What event streams need of a push, so that they need not parse it. */
export interface PushHead {
  readonly evt: string;
  /** The revision, for pushes that have one. */
  readonly rev: number | undefined;
  /** The opaque position, for pushes that have one. */
  readonly pos: string | undefined;
  /** The view, if the push names it. */
  readonly view: string | undefined;
}

export function headOf(push: {
  readonly evt: string;
  readonly rev?: number;
  readonly meta?: object;
}): PushHead {
  const { evt, rev, meta = {} } = push;
  const { pos, view }: { pos?: string; view?: string } = meta;
  return { evt, rev, pos, view };
}

/** What a push reports, to send it again where it was missed. `key`: the subscription's R or id. */
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

/** The rights a push was made under: a reader's view of an object or collection. */
export interface Under {
  readonly names: readonly string[];
  readonly r: string;
  readonly view: string;
}

/** A frame that is encoded when it is first sent: it may be offered to sockets that take nothing. */
export function lazyFrame(makeText: () => string, head?: PushHead): Frame {
  let made: Frame | undefined;
  const frame = () => {
    made ??= encodeFrame(makeText());
    return made;
  };
  return {
    head,
    get text() {
      return frame().text;
    },
    get bytes() {
      return frame().bytes;
    },
    get sent() {
      return frame().sent;
    },
  };
}

export function encodeFrame(text: string, replayPoint?: ReplayPoint, head?: PushHead): Frame {
  const size = Buffer.byteLength(text);
  const header = size < 126 ? 2 : size < 65_536 ? 4 : 10;
  const bytes = Buffer.allocUnsafe(header + size);
  bytes[0] = 0x81;
  if (header === 2) {
    bytes[1] = size;
  } else if (header === 4) {
    bytes[1] = 126;
    bytes.writeUInt16BE(size, 2);
  } else {
    bytes[1] = 127;
    bytes.writeUInt32BE(Math.floor(size / 2 ** 32), 2);
    bytes.writeUInt32BE(size % 2 ** 32, 6);
  }
  bytes.write(text, header);
  return { text, bytes, replayPoint, head, sent: { bytes, replayPoint } };
}
