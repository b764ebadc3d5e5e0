import type { Socket } from 'node:net';
import type { RawData } from 'ws';
import { WebSocket } from 'ws';

/** What a socket tells the connection that it belongs to. */
export interface SocketEvents {
  /** So many bytes came in, which are looked at next. */
  arrived(bytes: number): void;
  received(data: Buffer, isBinary: boolean): void;
  pinged(payload: Buffer): void;
  ponged(payload: Buffer): void;
  /** The closing handshake begins, on whichever side: the last moment to send anything. */
  closing(): void;
  /** The close frame is queued. */
  closeSent(): void;
  /** Gone. `code`: what the client's close frame said, 1006 without one. */
  closed(code: number): void;
}

const owner = Symbol('owner');

/** A socket that knows whose bytes it brings. */
interface OwnedSocket extends Socket {
  [owner]?: SocketEvents;
}

/**
 * A WebSocket of `ws` that knows its connection, so that all of them share these few functions as
 * handlers in place of closures of their own.
 */
export class ClientSocket extends WebSocket {
  events: SocketEvents | undefined;

  /** `socket`: the one below. */
  attach(events: SocketEvents, socket: Socket): void {
    this.events = events;
    (socket as OwnedSocket)[owner] = events;
    // Before `ws` has them: what is paid for is not taken for granted.
    socket.prependListener('data', onData);
    this.on('message', onMessage);
    this.on('ping', onPing);
    this.on('pong', onPong);
    this.on('close', onClose);
    // `ws` closes a socket that broke the framing by itself; without a listener it would throw.
    this.on('error', onError);
  }

  /** Every way to close leads through here, those that `ws` takes by itself included. */
  override close(code?: number, reason?: string | Buffer): void {
    this.events?.closing();
    super.close(code, reason);
    this.events?.closeSent();
  }
}

function onData(this: OwnedSocket, chunk: Buffer): void {
  this[owner]?.arrived(chunk.length);
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
