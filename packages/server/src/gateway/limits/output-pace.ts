import type { Socket } from 'node:net';

/** The part of a socket that is read. */
export type PacedSocket = Pick<Socket, 'bytesWritten' | 'writableLength'>;

/** Bytes that a client has to read within the timeout, unless less is waiting (rule LIM33). */
const minBytes = 64 * 1024;

/** What a client read of its waiting output. */
export class OutputProgress {
  readonly #socket: PacedSocket;
  #done: number;
  #queued: number;

  constructor(socket: PacedSocket) {
    this.#socket = socket;
    this.#done = doneOf(socket);
    this.#queued = queuedIn(socket);
  }

  /** Bytes read since the last call, of what the system did not take at once. */
  take(): number {
    const done = doneOf(this.#socket);
    const queued = queuedIn(this.#socket);
    const taken = done === this.#done ? Math.max(0, this.#queued - queued) : done - this.#done;
    this.#done = done;
    this.#queued = queued;
    return taken;
  }

  /** True if the system takes no more, as of the last `take`. */
  get isBlocked(): boolean {
    return this.#queued > 0;
  }
}

/** Measures how fast a client reads its output. */
export class OutputPace {
  readonly #socket: PacedSocket;
  readonly #progress: OutputProgress;
  readonly #time: number;
  /** Start of the current measurement; `undefined`: nothing was waiting at the last check. */
  #since: number | undefined;
  /** Bytes read since then. */
  #taken = 0;

  /** `time`: milliseconds. */
  constructor(socket: PacedSocket, time: number) {
    this.#socket = socket;
    this.#progress = new OutputProgress(socket);
    this.#time = time;
  }

  /** To be called regularly, with the time of the monotonic clock. */
  isTooSlow(now: number): boolean {
    this.#taken += this.#progress.take();
    if (this.#socket.writableLength === 0) {
      this.#since = undefined;
      return false;
    }
    if (this.#since === undefined || this.#taken >= minBytes) {
      this.#since = now;
      this.#taken = 0;
    }
    return now - this.#since >= this.#time;
  }
}

/** Bytes of completed writes. */
function doneOf({ bytesWritten, writableLength }: PacedSocket): number {
  return bytesWritten - writableLength;
}

/**
 * Bytes of the current write that the kernel has not taken. Reads a private field of Node's;
 * without it only completed writes count.
 */
function queuedIn(socket: object): number {
  const { _handle: handle } = socket as { _handle?: { writeQueueSize?: unknown } | null };
  return typeof handle?.writeQueueSize === 'number' ? handle.writeQueueSize : 0;
}
