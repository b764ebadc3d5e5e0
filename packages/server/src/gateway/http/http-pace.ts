import type { Socket } from 'node:net';

/** The part of a socket that is read. */
export type PacedSocket = Pick<Socket, 'bytesWritten' | 'writableLength'>;

/** Bytes that a client has to read within the timeout, unless less is waiting (rule LIM33). */
const minBytes = 64 * 1024;

/** Measures how fast a client reads its output. */
export class HttpPace {
  readonly #socket: PacedSocket;
  readonly #time: number;
  /** Start of the current measurement; `undefined`: nothing was waiting at the last check. */
  #since: number | undefined;
  /** Bytes read since then. */
  #taken = 0;
  #done = 0;
  #queued = 0;

  /** `time`: milliseconds. */
  constructor(socket: PacedSocket, time: number) {
    this.#socket = socket;
    this.#time = time;
  }

  /** To be called regularly, with the time of the monotonic clock. */
  isTooSlow(now: number): boolean {
    const { bytesWritten, writableLength } = this.#socket;
    if (writableLength === 0) {
      this.#since = undefined;
      return false;
    }
    this.#measure(bytesWritten - writableLength);
    if (this.#since === undefined || this.#taken >= minBytes) {
      this.#since = now;
      this.#taken = 0;
    }
    return now - this.#since >= this.#time;
  }

  /** `done`: bytes of completed writes. A large write is read in parts. */
  #measure(done: number): void {
    const queued = queuedIn(this.#socket);
    this.#taken += done === this.#done ? Math.max(0, this.#queued - queued) : done - this.#done;
    this.#done = done;
    this.#queued = queued;
  }
}

/**
 * Bytes of the current write that the kernel has not taken. Reads a private field of Node's;
 * without it only completed writes count.
 */
function queuedIn(socket: object): number {
  const { _handle: handle } = socket as { _handle?: { writeQueueSize?: unknown } | null };
  return typeof handle?.writeQueueSize === 'number' ? handle.writeQueueSize : 0;
}
