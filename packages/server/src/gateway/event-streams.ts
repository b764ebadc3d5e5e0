import { type ErrorBody, fail, type JsonObject, ProtocolError } from '@really/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { bytesOf, type Parked } from '../live/parked.js';
import { Deadlines } from '../platform/deadlines.js';
import type { Platform, Timer } from '../platform/platform.js';
import { ownerOf } from '../queries/owner.js';
import { networkOf } from './address-network.js';
import type { ConnectionCount } from './connection-count.js';
import { EventStream, readRevisionId } from './event-stream.js';
import type { Caller } from './http-caller.js';
import type { HttpCommands } from './http-commands.js';
import type { KeptPlace, KeptPlaces } from './kept-places.js';
import type { LiveTokens } from './live-tokens.js';
import type { RestRequest } from './rest-message.js';
import type { SessionHost } from './session-host.js';
import type { Traced } from './trace-id.js';

export interface EventStreamsOptions {
  readonly commands: HttpCommands;
  readonly live: SessionHost['live'];
  readonly count: ConnectionCount;
  readonly liveTokens: LiveTokens;
  readonly platform: Platform;
  /** Bytes of output that may wait. */
  readonly output: number;
  /** Milliseconds for which it is remembered what a stream of a query was told; 0: it is not. */
  readonly resumeWindow: number;
  /** What is remembered of those that dropped, in all. */
  readonly kept: KeptPlaces;
}

/** What a stream that ended was told. */
interface StreamPlace extends KeptPlace {
  readonly parked: readonly Parked[];
}

interface Opening {
  readonly caller: Caller;
  readonly rest: RestRequest;
  readonly message: JsonObject;
  readonly traced: Traced;
}

/** Milliseconds between two signs of life. */
const heartbeat = 15_000;

/** Parameters that make a stream one of a query, and not of all that is created. */
const ofQueries = [
  ...['filter', 'values', 'sort', 'ascending', 'limit'],
  // These do not go with a subscription, and are refused as such.
  ...['skip', 'paginationToken', 'includeTotalCount'],
];

/** All server-sent event streams of a gateway. */
export class EventStreams {
  readonly #options: EventStreamsOptions;
  readonly #all = new Set<EventStream>();
  readonly #expiries: Deadlines;
  /** What streams that ended were told, so that their clients can go on by a position alone. */
  readonly #parked = new Set<StreamPlace>();
  readonly #forgetting: Deadlines;
  #beat: Timer | undefined;
  #closed = false;

  constructor(options: EventStreamsOptions) {
    this.#options = options;
    this.#forgetting = new Deadlines({
      platform: options.platform,
      clock: 'monotonic',
      due: (key) => this.#forgetParked(key as StreamPlace),
    });
    this.#expiries = new Deadlines({
      platform: options.platform,
      clock: 'wall',
      due: (key) => {
        if (key instanceof EventStream) key.expire();
      },
    });
  }

  get size(): number {
    return this.#all.size;
  }

  /** Bytes of output that wait for those that are behind. */
  get waitingBytes(): number {
    let bytes = 0;
    for (const stream of this.#all) if (stream.congested) bytes += stream.waitingBytes;
    return bytes;
  }

  /** Answers with a stream. Throws what the subscription is refused for, before anything is sent. */
  async open(
    request: FastifyRequest,
    reply: FastifyReply,
    opening: Opening,
  ): Promise<FastifyReply> {
    const { commands, count, live } = this.#options;
    const { auth, address } = opening.caller;
    // Who is gone by now hears no answer, and no event would come to tell that its stream can be forgotten.
    if (request.raw.socket.destroyed) throw fail('server.unavailable');
    if (this.#closed || !count.enter(address)) throw fail('server.unavailable');
    const stream = new EventStream({
      auth,
      address: networkOf(address),
      response: reply.raw,
      limit: this.#options.output,
      timers: this.#options.platform.timers,
      over: (one) => this.#forget(one, address),
      drained: (one) => live.drained(one),
    });
    request.raw.socket.once('close', () => this.#forget(stream, address));
    reply.raw.once('close', () => this.#forget(stream, address));
    this.#all.add(stream);
    try {
      const message = streamMessage(opening);
      const { body, afterwards } = await commands.run(message, stream, opening.traced);
      const failure = failureOf(body);
      if (failure) throw failure;
      // The client has gone meanwhile, or the server is about to.
      if (stream.isOver) throw fail('server.unavailable');
      this.#begin(reply, stream, opening.caller, viewIn(body));
      if (message.cmd === 'read') stream.answer(body);
      afterwards?.();
      // What began after it was over.
      if (stream.isOver) live.drop(stream);
      return reply;
    } catch (error) {
      this.#forget(stream, address);
      throw error;
    }
  }

  /** The gateway closes. */
  close(): void {
    this.#closed = true;
    for (const stream of this.#all) stream.end();
    for (const parked of this.#parked) this.#forgetParked(parked);
  }

  #begin(
    reply: FastifyReply,
    stream: EventStream,
    { token, expires }: Caller,
    view: unknown,
  ): void {
    reply.hijack();
    const headers = {
      ...reply.getHeaders(),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      // When the stream ends nothing else comes, and a server that stops need not wait.
      connection: 'close',
      // Proxies that collect what they pass on would keep the events back.
      'x-accel-buffering': 'no',
    };
    reply.raw.writeHead(200, headers as Record<string, string>);
    stream.begin({ pos: this.#options.live.positionOf(stream), view });
    if (!this.#options.liveTokens.hold(stream, token)) stream.expire();
    if (stream.isOver) return;
    if (expires !== undefined) this.#expiries.set(stream, expires);
    this.#beat ??= this.#options.platform.timers.every(heartbeat, () => {
      for (const one of this.#all) one.comment();
    });
  }

  #park(stream: EventStream): void {
    const { live, resumeWindow, kept, platform } = this.#options;
    if (this.#closed || resumeWindow === 0) {
      live.drop(stream);
      return;
    }
    const parked = live.park(stream);
    live.drop(stream);
    // Nothing has to be remembered of objects and collections: their positions say it all.
    if (!parked.some(({ kind }) => kind === 'query')) return;
    const place: StreamPlace = {
      ...{ parked, owner: ownerOf(stream), own: bytesOf(parked), buffers: [] },
      forget: () => this.#forgetParked(place),
    };
    this.#parked.add(place);
    this.#forgetting.set(place, platform.clock.monotonic() + resumeWindow);
    kept.add(place);
  }

  #forgetParked(place: StreamPlace): void {
    if (!this.#parked.delete(place)) return;
    this.#forgetting.clear(place);
    this.#options.kept.delete(place);
    this.#options.live.forget(place.parked);
  }

  #forget(stream: EventStream, address: string): void {
    if (!this.#all.delete(stream)) return;
    stream.end();
    this.#options.count.leave(address);
    this.#options.liveTokens.release(stream);
    this.#expiries.clear(stream);
    this.#park(stream);
    if (this.#all.size > 0) return;
    this.#beat?.cancel();
    this.#beat = undefined;
  }
}

/** The subscription that a GET stands for: of an object, of a collection, or of a query. */
function streamMessage({ rest, message }: Opening): JsonObject {
  const { target, query, headers } = rest;
  const { r } = target;
  const lastId = headers['last-event-id']?.toString() ?? query.get('lastEventId');
  const fields = query.get('fields')?.split(',');
  if (message.cmd === 'count') throw fail.invalid('count', 'expected.absent.with.events');
  if (target.kind === 'collection' && ofQueries.some((name) => query.has(name))) {
    const options = message.cmdOpts as JsonObject;
    const since = lastId === undefined ? {} : { since: lastId };
    return { ...message, cmd: 'read', cmdOpts: { ...options, ...since, subscribe: true } };
  }
  const from = lastId === undefined ? {} : startOf(target.kind, lastId);
  const item: JsonObject = { r, ...(fields && { fields }), ...from };
  return { cmd: 'subscribe', body: { subscriptions: [item] } };
}

function startOf(kind: 'object' | 'collection', lastId: string): JsonObject {
  if (kind === 'collection') return { pos: lastId };
  const known = readRevisionId(lastId);
  if (!known) throw fail.invalid('Last-Event-ID', 'expected.revision');
  return { ...known };
}

/** Of the one subscription that the answer is about. */
function viewIn({ body }: JsonObject): unknown {
  const [subscription] = (body as { subscriptions?: readonly JsonObject[] }).subscriptions ?? [];
  return subscription?.view;
}

interface Failure {
  readonly error: ErrorBody;
  readonly meta?: { readonly retryAfter: number };
}

/** A subscribe command never fails for one item: its failure is in the answer. */
function failureOf({ body }: JsonObject): ProtocolError | undefined {
  const [failure] = (body as { failures?: readonly Failure[] } | undefined)?.failures ?? [];
  return failure && new ProtocolError({ ...failure.error, meta: failure.meta });
}
