import { type ErrorBody, fail, type JsonObject, ProtocolError } from '@really/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  bytesOf,
  type ResumableSubscription,
} from '../../../live/resume/resumable-subscription.js';
import type { Platform, Timer } from '../../../platform/platform.js';
import { Deadlines } from '../../../platform/scheduling/deadlines.js';
import { ownerOf } from '../../../queries/owner.js';
import type { ConnectionCount } from '../../limits/connection-count.js';
import type { ActiveTokens } from '../../resume/active-tokens.js';
import type { ResumableEntries, ResumableEntry } from '../../resume/resumable-entries.js';
import { networkOf } from '../../server/address-network.js';
import type { SessionDeps } from '../../websocket/session-deps.js';
import type { Caller } from '../auth/caller.js';
import type { HttpCommands } from '../rest/http-commands.js';
import type { RestRequest } from '../rest/rest-message.js';
import type { TraceHeaders } from '../rest/trace-id.js';
import { EventStream, readRevisionId } from './event-stream.js';

export interface EventStreamsOptions {
  readonly commands: HttpCommands;
  readonly live: SessionDeps['live'];
  readonly count: ConnectionCount;
  readonly activeTokens: ActiveTokens;
  readonly platform: Platform;
  /** Bytes of output that may wait. */
  readonly output: number;
  /** Milliseconds for which it is remembered what a stream of a query was told; 0: it is not. */
  readonly resumeWindow: number;
  /** What is remembered of those that dropped, in all. */
  readonly kept: ResumableEntries;
}

/** What a stream that ended was told. */
interface StreamPlace extends ResumableEntry {
  readonly parked: readonly ResumableSubscription[];
}

interface StreamOpening {
  readonly caller: Caller;
  readonly rest: RestRequest;
  readonly message: JsonObject;
  readonly traced: TraceHeaders;
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
  readonly #tokenTimers: Deadlines;
  /** What streams that ended were told, so that their clients can go on by a position alone. */
  readonly #resumable = new Set<StreamPlace>();
  readonly #resumeTimers: Deadlines;
  #heartbeats: Timer | undefined;
  #closed = false;

  constructor(options: EventStreamsOptions) {
    this.#options = options;
    this.#resumeTimers = new Deadlines({
      platform: options.platform,
      clock: 'monotonic',
      due: (key) => this.#forgetResumable(key as StreamPlace),
    });
    this.#tokenTimers = new Deadlines({
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
    opening: StreamOpening,
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
      onEnd: (one) => this.#forget(one, address),
      onDrain: (one) => live.onDrain(one),
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
      if (stream.isEnded) throw fail('server.unavailable');
      this.#begin(reply, stream, opening.caller, viewIn(body));
      if (message.cmd === 'read') stream.writeItems(body);
      afterwards?.();
      // What began after it was over.
      if (stream.isEnded) live.drop(stream);
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
    for (const parked of this.#resumable) this.#forgetResumable(parked);
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
    if (!this.#options.activeTokens.track(stream, token)) stream.expire();
    if (stream.isEnded) return;
    if (expires !== undefined) this.#tokenTimers.set(stream, expires);
    this.#heartbeats ??= this.#options.platform.timers.every(heartbeat, () => {
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
      forget: () => this.#forgetResumable(place),
    };
    this.#resumable.add(place);
    this.#resumeTimers.set(place, platform.clock.monotonic() + resumeWindow);
    kept.add(place);
  }

  #forgetResumable(place: StreamPlace): void {
    if (!this.#resumable.delete(place)) return;
    this.#resumeTimers.clear(place);
    this.#options.kept.delete(place);
    this.#options.live.releaseParked(place.parked);
  }

  #forget(stream: EventStream, address: string): void {
    if (!this.#all.delete(stream)) return;
    stream.end();
    this.#options.count.leave(address);
    this.#options.activeTokens.untrack(stream);
    this.#tokenTimers.clear(stream);
    this.#park(stream);
    if (this.#all.size > 0) return;
    this.#heartbeats?.cancel();
    this.#heartbeats = undefined;
  }
}

/** The subscription that a GET stands for: of an object, of a collection, or of a query. */
function streamMessage({ rest, message }: StreamOpening): JsonObject {
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

interface SubscribeFailure {
  readonly error: ErrorBody;
  readonly meta?: { readonly retryAfter: number };
}

/** A subscribe command never fails for one item: its failure is in the answer. */
function failureOf({ body }: JsonObject): ProtocolError | undefined {
  const [failure] =
    (body as { failures?: readonly SubscribeFailure[] } | undefined)?.failures ?? [];
  return failure && new ProtocolError({ ...failure.error, meta: failure.meta });
}
