import type { Socket } from 'node:net';

/** What is read of a socket. */
export type PacedSocket = Pick<Socket, 'bytesWritten' | 'writableLength'>;

/** Bytes that a client has to take in the time that it has, unless less is waiting (rule LIM33). */
const minBytes = 64 * 1024;

/** How fast a client takes what waits for it. */
export class HttpPace {
  readonly #socket: PacedSocket;
  readonly #time: number;
  /** Since when it is watched; `undefined`: nothing waited at the last look. */
  #since: number | undefined;
  /** Bytes that it took since then. */
  #taken = 0;
  #done = 0;
  #queued = 0;

  /** `time`: milliseconds. */
  constructor(socket: PacedSocket, time: number) {
    this.#socket = socket;
    this.#time = time;
  }

  /** To be asked now and then, with the time by the monotonic clock. */
  isTooSlow(now: number): boolean {
    const { bytesWritten, writableLength } = this.#socket;
    if (writableLength === 0) {
      this.#since = undefined;
      return false;
    }
    this.#look(bytesWritten - writableLength);
    if (this.#since === undefined || this.#taken >= minBytes) {
      this.#since = now;
      this.#taken = 0;
    }
    return now - this.#since >= this.#time;
  }

  /** `done`: bytes of the writes that the kernel took whole. One that is large is taken bit by bit. */
  #look(done: number): void {
    const queued = queuedIn(this.#socket);
    this.#taken += done === this.#done ? Math.max(0, this.#queued - queued) : done - this.#done;
    this.#done = done;
    this.#queued = queued;
  }
}

/** Bytes of the present write that the kernel has not taken. Node tells nobody but itself: without it only whole writes are seen. */
function queuedIn(socket: object): number {
  const { _handle: handle } = socket as { _handle?: { writeQueueSize?: unknown } | null };
  return typeof handle?.writeQueueSize === 'number' ? handle.writeQueueSize : 0;
}
