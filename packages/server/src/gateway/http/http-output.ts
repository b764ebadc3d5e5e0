import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Budgets } from '../../platform/budget.js';
import type { Platform, Timer } from '../../platform/platform.js';
import { OutputPace } from '../limits/output-pace.js';
import type { OutputHolder } from '../limits/output-shares.js';
import { type OutputTotal, uncounted } from '../limits/output-total.js';
import type { ClientAddresses } from '../server/client-addresses.js';
import { RequestTurns } from './request-turns.js';

export interface HttpOutputOptions {
  readonly total: Pick<OutputTotal, 'record' | 'release'>;
  /** Milliseconds in which a client has to read some of the waiting output (rule LIM33). */
  readonly time: number;
  readonly budgets: Pick<Budgets, 'refuse'>;
  readonly addresses: Pick<ClientAddresses, 'of'>;
  readonly platform: Pick<Platform, 'clock' | 'timers'>;
}

/** Requests of a connection that may wait for earlier responses (rule LIM34). */
export const maxPipelined = 256;

/** Milliseconds between checks for slow clients. */
const pollInterval = 1000;

const connections = new WeakMap<Socket, HttpConnection>();

/** A response with a body of this many bytes begins, or more of it waits. */
export function recordOutput({ socket }: ServerResponse, bytes = 0): void {
  if (socket && (bytes > uncounted || socket.writableLength > uncounted)) {
    connections.get(socket)?.responding(bytes);
  }
}

/**
 * The output waiting for HTTP clients. Node starts every request it has read, and keeps later
 * responses in memory until earlier ones are read; here the next request of a connection starts
 * when the previous response is sent, so that only one waits at a time.
 */
export class HttpOutput {
  readonly #options: HttpOutputOptions;
  readonly #responding = new Set<HttpConnection>();
  readonly #turns: RequestTurns;
  #poll: Timer | undefined;

  constructor(options: HttpOutputOptions) {
    this.#options = options;
    this.#turns = new RequestTurns(options.platform.clock);
  }

  /** Makes a listener that gets one request of each connection at a time. */
  inOrder(listener: RequestListener): RequestListener {
    return (request, response) => {
      const { socket } = request;
      const known = connections.get(socket);
      const connection = known ?? new HttpConnection(this.#options, socket, this);
      if (!known) connections.set(socket, connection);
      connection.take(request, response, listener);
      this.#poll ??= this.#options.platform.timers.every(pollInterval, () => this.#checkAll());
    };
  }

  /** Begins a request of a connection when it is its turn. */
  responds(connection: HttpConnection, begin: () => void): void {
    this.#responding.add(connection);
    this.#turns.take(connection.address, begin);
  }

  /** The connection has no response in progress. */
  responded(connection: HttpConnection): void {
    this.#responding.delete(connection);
  }

  #checkAll(): void {
    const now = this.#options.platform.clock.monotonic();
    for (const connection of this.#responding) connection.check(now);
    if (this.#responding.size > 0) return;
    this.#poll?.cancel();
    this.#poll = undefined;
  }
}

/** Calls `run` when the responses to the requests read so far from this socket are sent. */
export function afterResponses(socket: Socket, run: () => void): void {
  const connection = connections.get(socket);
  if (connection) connection.afterwards(run);
  else run();
}

/** One connection, and its requests in order. */
class HttpConnection implements OutputHolder {
  address = '';
  readonly #options: HttpOutputOptions;
  readonly #socket: Socket;
  readonly #all: Pick<HttpOutput, 'responds' | 'responded'>;
  readonly #queue: (() => void)[] = [];
  /** Of the current response: the time between two is not the client's. */
  #pace: OutputPace | undefined;
  #busy = false;
  /** Bytes of the current response, if known: all are in memory until the last is read. */
  #body = 0;

  constructor(
    options: HttpOutputOptions,
    socket: Socket,
    all: Pick<HttpOutput, 'responds' | 'responded'>,
  ) {
    this.#options = options;
    this.#socket = socket;
    this.#all = all;
    socket.once('close', () => this.#end());
  }

  get waiting(): number {
    return Math.max(this.#body, this.#socket.writableLength);
  }

  take(request: IncomingMessage, response: ServerResponse, listener: RequestListener): void {
    if (!this.#busy) {
      this.#begin(request, response, listener);
    } else if (this.#queue.length >= maxPipelined) {
      this.#options.budgets.refuse('limits.inFlight');
      this.#socket.destroy();
    } else {
      this.#queue.push(() => this.#begin(request, response, listener));
      // Further requests stay in the socket.
      this.#socket.pause();
    }
  }

  afterwards(run: () => void): void {
    if (this.#busy) this.#queue.push(run);
    else run();
  }

  responding(bytes: number): void {
    // Nobody would release it: its end was told already.
    if (this.#socket.destroyed) return;
    this.#body = Math.max(this.#body, bytes);
    this.#options.total.record(this);
  }

  giveUp(): void {
    this.#socket.destroy();
  }

  check(now: number): void {
    if (this.#socket.destroyed) return;
    if (this.#socket.writableLength > uncounted) this.#options.total.record(this);
    if (!this.#pace?.isTooSlow(now)) return;
    this.#options.budgets.refuse('limits.outputTime');
    this.#socket.destroy();
  }

  #begin(request: IncomingMessage, response: ServerResponse, listener: RequestListener): void {
    this.#busy = true;
    this.#pace = new OutputPace(this.#socket, this.#options.time);
    this.address = this.#options.addresses.of(request);
    response.once('close', () => this.#next());
    this.#all.responds(this, () => {
      if (!this.#socket.destroyed) listener(request, response);
    });
  }

  #next(): void {
    this.#busy = false;
    this.#body = 0;
    this.#all.responded(this);
    this.#options.total.release(this);
    if (this.#socket.destroyed) return;
    const begin = this.#queue.shift();
    if (begin && this.#queue.length === 0) this.#socket.resume();
    begin?.();
  }

  #end(): void {
    this.#queue.length = 0;
    this.#all.responded(this);
    this.#options.total.release(this);
  }
}
