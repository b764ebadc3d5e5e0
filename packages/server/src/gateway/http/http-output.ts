import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Budgets } from '../../platform/budget.js';
import type { Platform, Timer } from '../../platform/platform.js';
import { OutputPace } from '../limits/output-pace.js';
import { type OutputHolder, type OutputTotal, uncounted } from '../limits/output-total.js';
import type { ClientAddresses } from '../server/client-addresses.js';
import { pauseReading, type RequestHeads } from '../server/request-heads.js';
import { RequestTurns } from './request-turns.js';

export interface HttpOutputOptions {
  readonly total: Pick<OutputTotal, 'record' | 'release'>;
  /** Milliseconds in which a client has to read some of the waiting output (rule LIM33). */
  readonly time: number;
  readonly budgets: Pick<Budgets, 'refuse'>;
  readonly addresses: Pick<ClientAddresses, 'of'>;
  /** Charges each request for its head. */
  readonly heads: Pick<RequestHeads, 'pay' | 'isOver'>;
  readonly platform: Pick<Platform, 'clock' | 'timers'>;
}

/** Requests of a connection that may wait for earlier responses (rule LIM34). */
export const maxPipelined = 256;

/** Approximate memory of a waiting request beside the text of its head, and of each header. */
const perWaiting = 4096;
const perHeader = 64;

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
    };
  }

  /** Begins a request of a connection when it is its turn. */
  responds(connection: HttpConnection, begin: () => void): void {
    this.#responding.add(connection);
    this.#poll ??= this.#options.platform.timers.every(pollInterval, () => this.#checkAll());
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

/** Calls `run` when the response that has begun on this socket is over. */
export function afterResponse(socket: Socket, run: () => void): void {
  const connection = connections.get(socket);
  if (connection) connection.afterResponse(run);
  else run();
}

/** Reads on from a socket, unless requests wait on its connection. */
export function readOn(socket: Socket): void {
  const connection = connections.get(socket);
  if (connection) connection.readOn();
  else socket.resume();
}

/** A request has begun whose body has not all arrived. */
export function isReceiving(socket: Socket): boolean {
  return connections.get(socket)?.isReceiving ?? false;
}

/** The socket becomes a WebSocket: from now on its connection alone pauses and resumes it. */
export function handOver(socket: Socket): void {
  connections.get(socket)?.handOver();
}

/** Calls `run` when the responses to the requests read so far from this socket are sent. */
export function afterAllResponses(socket: Socket, run: () => void): void {
  const connection = connections.get(socket);
  if (connection) connection.afterwards(run);
  else run();
}

/** One connection, and its requests in order. */
class HttpConnection implements OutputHolder {
  address = '';
  readonly #options: HttpOutputOptions;
  readonly #socket: Socket;
  readonly #all: HttpOutput;
  readonly #queue: { readonly begin: () => void; readonly bytes: number }[] = [];
  /** Memory of the requests in the queue. */
  #queued = 0;
  /** Of the response in progress: the time between two is not the client's. */
  #pace: OutputPace | undefined;
  /** The request with a body that has begun. */
  #withBody: IncomingMessage | undefined;
  /** Begins a request whose body has to wait for the rate: its listener would have Node read on. */
  #beginLater: (() => void) | undefined;
  /** It is a WebSocket now, which is read without regard to requests. */
  #isHandedOver = false;
  #onResponded: (() => void) | undefined;
  /** Bytes of the current response, if known: all are in memory until the last is read. */
  #body = 0;

  constructor(options: HttpOutputOptions, socket: Socket, all: HttpOutput) {
    this.#options = options;
    this.#socket = socket;
    this.#all = all;
    socket.once('close', () => this.#end());
  }

  get waiting(): number {
    return Math.max(this.#body, this.#socket.writableLength) + this.#queued;
  }

  take(request: IncomingMessage, response: ServerResponse, listener: RequestListener): void {
    const head = headBytesOf(request);
    this.#options.heads.pay(this.#socket, head);
    // What was read together with the request that was too much.
    if (this.#socket.destroyed) return;
    if (!this.#pace) {
      this.#begin(request, response, listener);
    } else if (this.#queue.length >= maxPipelined) {
      this.#options.budgets.refuse('limits.inFlight');
      this.#socket.destroy();
    } else {
      const bytes = perWaiting + head + request.rawHeaders.length * perHeader;
      this.#queue.push({ begin: () => this.#begin(request, response, listener), bytes });
      this.#queued += bytes;
      this.#recordWaiting();
      // Further requests stay in the socket.
      pauseReading(this.#socket, () => this.#queue.length > 0 && !this.#isHandedOver);
    }
  }

  get isReceiving(): boolean {
    return this.#withBody?.complete === false;
  }

  afterwards(run: () => void): void {
    // All bodies before this have arrived.
    this.#beginHeld();
    if (this.#pace) this.#queue.push({ begin: run, bytes: 0 });
    else run();
  }

  afterResponse(run: () => void): void {
    if (this.#pace) this.#onResponded = run;
    else run();
  }

  handOver(): void {
    this.#isHandedOver = true;
    this.#beginHeld();
  }

  /** The address may send again. */
  readOn(): void {
    this.#beginHeld();
    if (this.#queue.length === 0) this.#socket.resume();
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
    this.#recordWaiting();
    if (!this.#pace?.isTooSlow(now)) return;
    this.#options.budgets.refuse('limits.outputTime');
    this.#socket.destroy();
  }

  #recordWaiting(): void {
    if (this.waiting > uncounted) this.#options.total.record(this);
  }

  #begin(request: IncomingMessage, response: ServerResponse, listener: RequestListener): void {
    this.#pace = new OutputPace(this.#socket, this.#options.time);
    this.address = this.#options.addresses.of(request);
    response.once('close', () => this.#next());
    const begin = () => {
      if (hasBody(request)) this.#withBody = request;
      this.#all.responds(this, () => {
        if (!this.#socket.destroyed) listener(request, response);
      });
    };
    const hasToReadOn = hasBody(request) && !request.complete;
    if (hasToReadOn && this.#options.heads.isOver(this.#socket)) this.#beginLater = begin;
    else begin();
  }

  #beginHeld(): void {
    const begin = this.#beginLater;
    this.#beginLater = undefined;
    begin?.();
  }

  #next(): void {
    this.#pace = undefined;
    this.#release();
    if (this.#socket.destroyed) return;
    const next = this.#queue.shift();
    if (!next) {
      // It was read on for the body.
      if (this.#options.heads.isOver(this.#socket)) this.#socket.pause();
      return;
    }
    this.#queued -= next.bytes;
    this.#recordWaiting();
    const isRead = this.#queue.length === 0 && !this.#options.heads.isOver(this.#socket);
    if (isRead && !this.#isHandedOver) this.#socket.resume();
    next.begin();
  }

  #end(): void {
    this.#queue.length = 0;
    this.#queued = 0;
    this.#release();
  }

  /** The response is over. */
  #release(): void {
    this.#body = 0;
    this.#withBody = undefined;
    this.#beginLater = undefined;
    this.#onResponded?.();
    this.#onResponded = undefined;
    this.#all.responded(this);
    this.#options.total.release(this);
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function headBytesOf({ url, rawHeaders }: IncomingMessage): number {
  let bytes = url?.length ?? 0;
  for (const text of rawHeaders) bytes += text.length;
  return bytes;
}
