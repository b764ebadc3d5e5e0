import { type OutputHolder, uncounted } from '../limits/output-total.js';
import type { Egress } from './egress.js';

/** The part of a socket that egress uses; `net.Socket` and `tls.TLSSocket` fit. */
export interface OutputSocket {
  /** False once it was ended or destroyed. */
  readonly writable: boolean;
  /** Bytes written, and how many of them the kernel has not taken yet. */
  readonly bytesWritten: number;
  readonly writableLength: number;
  write(bytes: Buffer, done?: () => void): boolean;
  cork(): void;
  uncork(): void;
}

/** Callbacks about the output of a socket. Never called from within `send`. */
export interface SocketWriterOwner {
  readonly address: string;
  /** Less than half the limit waits again. */
  onDrain(): void;
  /**
   * Too much waits for it, and what was queued is dropped; or for all sockets, of which it holds the
   * most. It has to be closed.
   */
  giveUp(): void;
}

/**
 * Writes to one socket: whole WebSocket frames, in the order of `send`. It knows whether the client
 * is slow: while the writer is congested, live subscriptions send nothing and catch up after
 * `onDrain` (rule LIM4), and beyond a multiple of the limit the socket is closed.
 */
export class SocketWriter implements OutputHolder {
  readonly #egress: Egress;
  readonly #socket: OutputSocket;
  readonly #owner: SocketWriterOwner;
  /** Exists only between `send` and when egress writes it. */
  #queue: Buffer[] | undefined;
  #queuedBytes = 0;
  /** At most so many bytes wait in the socket since the last write: asking it is dearer than a push. */
  #unsentAtMost: number;
  #state: 'open' | 'congested' | 'overflowed' | 'closed' = 'open';

  constructor(egress: Egress, socket: OutputSocket, owner: SocketWriterOwner) {
    this.#egress = egress;
    this.#socket = socket;
    // Responses to requests before the upgrade may wait in it.
    this.#unsentAtMost = socket.writableLength;
    this.#owner = owner;
  }

  /** True from when more than the limit waits until less than half of it does. */
  get congested(): boolean {
    return this.#state !== 'open';
  }

  get address(): string {
    return this.#owner.address;
  }

  get paced(): OutputSocket {
    return this.#socket;
  }

  giveUp(): void {
    this.#owner.giveUp();
  }

  /** The socket has closed, and its waiting output is gone. */
  socketClosed(): void {
    this.#egress.total.release(this);
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Bytes waiting here and in the socket. */
  get waiting(): number {
    return this.#queuedBytes + this.#socket.writableLength;
  }

  /** Bytes written that the kernel has not taken yet. */
  get unsent(): number {
    return this.#socket.writableLength;
  }

  /** Queues a complete frame. Does nothing after `close`. */
  send(frame: Buffer): void {
    if (this.#state === 'closed' || this.#state === 'overflowed') return;
    if (this.#queue) {
      this.#queue.push(frame);
    } else {
      this.#queue = [frame];
      this.#egress.schedule(this);
    }
    this.#queuedBytes += frame.length;
    const { limit } = this.#egress;
    if (this.#queuedBytes + this.#unsentAtMost <= limit) return;
    const { waiting } = this;
    if (waiting > limit) this.#checkCongestion(waiting);
  }

  /** Called by egress: takes what is queued; nothing after an overflow, which calls `giveUp`. */
  takeQueued(): readonly Buffer[] | undefined {
    const queue = this.#queue;
    this.#queue = undefined;
    this.#queuedBytes = 0;
    if (this.#state === 'overflowed') this.#owner.giveUp();
    return this.#state === 'closed' || !this.#socket.writable ? undefined : queue;
  }

  /** Called by egress. */
  write(chunks: readonly Buffer[]): void {
    const socket = this.#socket;
    // A closure only for a congested socket, to notice when the kernel has taken this.
    const done = this.#state === 'congested' ? () => this.#checkDrained() : undefined;
    const [only] = chunks;
    if (only && chunks.length === 1) {
      socket.write(only, done);
    } else {
      socket.cork();
      for (const chunk of chunks) socket.write(chunk, done);
      socket.uncork();
    }
    this.#unsentAtMost = socket.writableLength;
    if (this.#unsentAtMost > uncounted) this.#egress.total.record(this, chunks);
  }

  /** Writes everything queued now, and accepts no more. */
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
