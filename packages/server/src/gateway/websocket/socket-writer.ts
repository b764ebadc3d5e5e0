import type { OutputHolder } from '../limits/output-shares.js';
import { uncounted } from '../limits/output-total.js';
import type { Egress } from './egress.js';

/** The least that egress asks of a socket; `net.Socket` and `tls.TLSSocket` fit. */
export interface OutputSocket {
  /** False once it was ended or destroyed. */
  readonly writable: boolean;
  /** Bytes that were written and that the kernel did not take yet. */
  readonly writableLength: number;
  write(bytes: Buffer, done?: () => void): boolean;
  cork(): void;
  uncork(): void;
}

/** Who is told how the output of a socket fares. Never called from within `send`. */
export interface SocketWriterOwner {
  readonly address: string;
  /** What waits is below half the limit again. */
  onDrain(): void;
  /** So much waits that the socket has to be given up. What was queued is dropped. */
  onOverflow(): void;
  /** Too much waits for all sockets together, and most of it for this one. */
  giveUp(): void;
}

/** The way out to one socket: whole WebSocket frames only, in the order of `send`. */
export class SocketWriter implements OutputHolder {
  readonly #egress: Egress;
  readonly #socket: OutputSocket;
  readonly #owner: SocketWriterOwner;
  /** Exists only between `send` and the end of the turn. */
  #queue: Buffer[] | undefined;
  #queuedBytes = 0;
  #state: 'open' | 'congested' | 'overflowed' | 'closed' = 'open';

  constructor(egress: Egress, socket: OutputSocket, owner: SocketWriterOwner) {
    this.#egress = egress;
    this.#socket = socket;
    this.#owner = owner;
  }

  /** True from the moment that more than the limit waits until less than half of it does. */
  get congested(): boolean {
    return this.#state !== 'open';
  }

  get address(): string {
    return this.#owner.address;
  }

  giveUp(): void {
    this.#owner.giveUp();
  }

  /** The socket is gone, and with it what waited. */
  socketClosed(): void {
    this.#egress.total.release(this);
  }

  /** Bytes that wait here and in the socket. */
  get waiting(): number {
    return this.#queuedBytes + this.#socket.writableLength;
  }

  /** Queues a complete frame. After `close` it does nothing. */
  send(frame: Buffer): void {
    if (this.#state === 'closed' || this.#state === 'overflowed') return;
    if (this.#queue) {
      this.#queue.push(frame);
    } else {
      this.#queue = [frame];
      this.#egress.schedule(this);
    }
    this.#queuedBytes += frame.length;
    const { waiting } = this;
    if (waiting > this.#egress.limit) this.#checkCongestion(waiting);
  }

  /** Of egress only: what is queued, and then no more. Where the socket is beyond saving, its owner is told instead. */
  takeQueued(): readonly Buffer[] | undefined {
    const queue = this.#queue;
    this.#queue = undefined;
    this.#queuedBytes = 0;
    if (this.#state === 'overflowed') this.#owner.onOverflow();
    return this.#state === 'closed' || !this.#socket.writable ? undefined : queue;
  }

  /** Of egress only. */
  write(chunks: readonly Buffer[]): void {
    const socket = this.#socket;
    // A closure only while the socket is behind: it tells when the kernel took this.
    const done = this.#state === 'congested' ? () => this.#checkDrained() : undefined;
    const [only] = chunks;
    if (only && chunks.length === 1) {
      socket.write(only, done);
    } else {
      socket.cork();
      for (const chunk of chunks) socket.write(chunk, done);
      socket.uncork();
    }
    if (socket.writableLength > uncounted) this.#egress.total.record(this, chunks);
  }

  /** Hands everything queued to the socket now, and takes no more. */
  close(): void {
    if (this.#state === 'closed') return;
    const queue = this.#state === 'overflowed' ? undefined : this.#queue;
    if (this.#state !== 'open') this.#egress.congested--;
    this.#state = 'closed';
    this.#queue = undefined;
    this.#queuedBytes = 0;
    if (queue && this.#socket.writable) this.write(queue);
  }

  #checkCongestion(waiting: number): void {
    if (this.#state === 'open') {
      this.#state = 'congested';
      this.#egress.congested++;
    }
    if (waiting <= this.#egress.ceiling) return;
    this.#state = 'overflowed';
    this.#queue &&= [];
    this.#queuedBytes = 0;
  }

  #checkDrained(): void {
    if (this.#state !== 'congested' || this.waiting * 2 >= this.#egress.limit) return;
    this.#state = 'open';
    this.#egress.congested--;
    this.#owner.onDrain();
  }
}
