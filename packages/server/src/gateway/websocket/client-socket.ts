import type { Socket } from 'node:net';
import type { RawData } from 'ws';
import { WebSocket } from 'ws';

/** What a socket reports to its connection. */
export interface SocketEvents {
  /** How many bytes may be parsed now. 0: it is paused, and they come again when it is resumed. */
  admit(bytes: number): number;
  /** Bytes have arrived and are parsed next. */
  arrived(bytes: number): void;
  received(data: Buffer, isBinary: boolean): void;
  pinged(payload: Buffer): void;
  ponged(payload: Buffer): void;
  /** The handshake begins, on either side: the last chance to send. `code`: 1005 without one. */
  closing(code: number): void;
  /** The close frame is queued. */
  closeSent(): void;
  /** The socket has closed. `code`: from the client's close frame, 1006 without one. */
  closed(code: number): void;
}

/** The code of a close frame that has none, and of a socket without a close frame (RFC 6455, section 7.4.1). */
export const closedWithoutCode = 1005;
export const closedWithoutFrame = 1006;

const owner = Symbol('owner');
const parse = Symbol('parse');

/** A socket with a reference to its WebSocket. */
interface OwnedSocket extends Socket {
  [owner]?: SocketEvents;
  /** The listener of `ws`, which parses a chunk. */
  [parse]?: ((chunk: Buffer) => void) | undefined;
}

/** A WebSocket that knows its connection, so that all share these handlers, without closures. */
export class ClientSocket extends WebSocket {
  events: SocketEvents | undefined;

  /** `socket`: the underlying one. */
  attach(events: SocketEvents, socket: Socket): void {
    this.events = events;
    const owned: OwnedSocket = socket;
    owned[owner] = events;
    // `ws` is passed the data by `onData`, so that it is charged first and may be left unread.
    const [listener] = socket.listeners('data');
    owned[parse] = listener as (chunk: Buffer) => void;
    socket.on('data', onData).off('data', owned[parse]);
    // Before `ws`, which would parse what a paused socket still holds.
    socket.prependListener('close', dropUnread);
    this.on('message', onMessage);
    this.on('ping', onPing);
    this.on('pong', onPong);
    this.on('close', onClose);
    // `ws` closes a socket on a framing error by itself, but throws without a listener.
    this.on('error', onError);
  }

  /** Every close goes through here, including those that `ws` starts itself. */
  override close(code?: number, reason?: string | Buffer): void {
    this.events?.closing(code ?? closedWithoutCode);
    super.close(code, reason);
    this.events?.closeSent();
  }
}

/** What still arrives is dropped unread: only `arrived` is called, so that it is paid for. */
export function dropInput(socket: Socket): void {
  (socket as OwnedSocket)[parse] = undefined;
}

function onData(this: OwnedSocket, chunk: Buffer): void {
  const events = this[owner];
  let rest = chunk;
  while (events && rest.length > 0) {
    const bytes = events.admit(rest.length);
    if (bytes === 0) {
      this.unshift(rest);
      return;
    }
    events.arrived(bytes);
    this[parse]?.(bytes < rest.length ? rest.subarray(0, bytes) : rest);
    rest = rest.subarray(bytes);
  }
}

function dropUnread(this: Socket): void {
  if (this.readableLength > 0) this.read(this.readableLength);
}

function onMessage(this: WebSocket, data: RawData, isBinary: boolean): void {
  (this as ClientSocket).events?.received(data as Buffer, isBinary);
}

function onPing(this: WebSocket, payload: Buffer): void {
  (this as ClientSocket).events?.pinged(payload);
}

function onPong(this: WebSocket, payload: Buffer): void {
  (this as ClientSocket).events?.ponged(payload);
}

function onClose(this: WebSocket, code: number): void {
  (this as ClientSocket).events?.closed(code);
}

function onError(): void {}
