import type { RawData } from 'ws';
import { WebSocket } from 'ws';

/** What a socket tells the connection that it belongs to. */
export interface SocketEvents {
  received(data: Buffer, isBinary: boolean): void;
  pinged(payload: Buffer): void;
  /** The closing handshake begins, on whichever side: the last moment to send anything. */
  closing(): void;
  /** The close frame is queued. */
  closeSent(): void;
  /** Gone. `code`: what the client's close frame said, 1006 without one. */
  closed(code: number): void;
}

/**
 * A WebSocket of `ws` that knows its connection, so that all of them share these few functions as
 * handlers in place of closures of their own.
 */
export class ClientSocket extends WebSocket {
  events: SocketEvents | undefined;

  attach(events: SocketEvents): void {
    this.events = events;
    this.on('message', onMessage);
    this.on('ping', onPing);
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

function onMessage(this: WebSocket, data: RawData, isBinary: boolean): void {
  (this as ClientSocket).events?.received(data as Buffer, isBinary);
}

function onPing(this: WebSocket, payload: Buffer): void {
  (this as ClientSocket).events?.pinged(payload);
}

function onClose(this: WebSocket, code: number): void {
  (this as ClientSocket).events?.closed(code);
}

function onError(): void {}
