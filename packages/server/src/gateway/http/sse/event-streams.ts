import { type ErrorBody, fail, type JsonObject, ProtocolError } from '@really/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  bytesOf,
  type ResumableSubscription,
} from '../../../live/resume/resumable-subscription.js';
import type { Timer } from '../../../platform/platform.js';
import { ownerOf } from '../../../queries/owner.js';
import type { AppDeps } from '../../app-deps.js';
import { priceOf } from '../../dispatch/priced-responses.js';
import { Intake } from '../../limits/intake.js';
import type { ResumableEntry } from '../../resume/resumable-entries.js';
import { networkOf } from '../../server/address-network.js';
import type { Caller } from '../auth/caller.js';
import { runHttpCommand, type TraceHeaders } from '../rest/http-commands.js';
import { isOn, type RestRequest } from '../rest/rest-message.js';
import { EventStream, readRevisionId } from './event-stream.js';

/** What is kept of a stream that ended. */
interface StreamEntry extends ResumableEntry {
  readonly parked: readonly ResumableSubscription[];
}

interface StreamOpening {
  readonly caller: Caller;
  readonly rest: RestRequest;
  readonly message: JsonObject;
  readonly traced: TraceHeaders;
}

/** Milliseconds between keep-alive comments. */
const heartbeat = 15_000;

/** Parameters that make it a stream of a query instead of all objects created. */
const ofQueries = [
  ...['filter', 'values', 'sort', 'ascending', 'limit'],
  // Not allowed with a subscription, and refused later.
  ...['skip', 'paginationToken', 'includeTotalCount'],
];

/** All server-sent event streams of a gateway. */
export class EventStreams {
  readonly #deps: AppDeps;
  readonly #all = new Set<EventStream>();
  /** Ended streams that clients can resume by a position alone. */
  readonly #resumable = new Set<StreamEntry>();
  #heartbeats: Timer | undefined;
  #closed = false;

  constructor(deps: AppDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Output bytes waiting for slow clients. */
  get waitingBytes(): number {
    let bytes = 0;
    for (const stream of this.#all) if (stream.congested) bytes += stream.waitingBytes;
    return bytes;
  }

  /** Responds with a stream. Throws if the subscription is refused, before anything is sent. */
  async open(
    request: FastifyRequest,
    reply: FastifyReply,
    opening: StreamOpening,
  ): Promise<FastifyReply> {
    const { count, live, limits, platform } = this.#deps;
    const { caller, traced } = opening;
    const { auth, address } = caller;
    const { socket } = request.raw;
    // Already disconnected: no close event would follow to clean up the stream.
    if (socket.destroyed) throw fail('server.unavailable');
    if (this.#closed || !count.enter(address)) throw fail('server.unavailable');
    const stream = new EventStream({
      auth,
      address: networkOf(address),
      response: reply.raw,
      limit: limits.outputBuffer,
      roomOutput: limits.roomOutput,
      timers: platform.timers,
      onEnd: () => forget(),
      charge: (bytes) => this.#charge(caller, bytes),
    });
    const forget = () => this.#forget(stream, address);
    reply.raw.on('drain', () => live.onDrain(stream));
    socket.once('close', forget);
    reply.raw.once('close', forget);
    this.#all.add(stream);
    try {
      const message = streamMessage(opening);
      const from = { auth, pushTarget: stream };
      const { body, afterwards } = await runHttpCommand(this.#deps, message, from, traced);
      const failure = failureOf(body);
      if (failure) throw failure;
      // Otherwise it would join the room of a stream that nobody ends any more.
      if (stream.isEnded) throw fail('server.unavailable');
      const beginRoom = await this.#joinRoom(stream, opening);
      // The client has disconnected meanwhile, or the server is closing.
      if (stream.isEnded) throw fail('server.unavailable');
      this.#begin(reply, stream, caller, viewIn(body));
      if (message.cmd === 'read') stream.writeItems(body);
      afterwards?.();
      beginRoom?.();
      // The subscription was registered after the stream ended.
      if (stream.isEnded) this.#drop(stream);
      return reply;
    } catch (error) {
      // The connection may go on with other requests.
      socket.off('close', forget);
      forget();
      // Also what was subscribed to or joined after the stream ended.
      this.#drop(stream);
      throw error;
    }
  }

  /** Rule LIM44. */
  #charge({ address, auth: { uid } }: Caller, bytes: number): void {
    const intake = Intake.ofRequest(this.#deps.intakes, { address, uid });
    intake.pay(priceOf(bytes));
    intake.end();
  }

  /** The gateway closes. */
  close(): void {
    this.#closed = true;
    for (const stream of this.#all) stream.end();
    for (const parked of this.#resumable) this.#forgetResumable(parked);
  }

  /** Rule PRS13: a stream with `?presence` watches the room of its object, too. */
  async #joinRoom(stream: EventStream, { rest, traced }: StreamOpening) {
    const { query, target } = rest;
    if (!isOn('presence', query)) return undefined;
    const { auth } = stream;
    const message = { cmd: 'join', r: target.r };
    await runHttpCommand(this.#deps, message, { auth, pushTarget: stream }, traced);
    return () => this.#deps.rooms.sendList(stream, target.r);
  }

  #drop(stream: EventStream): void {
    this.#deps.live.drop(stream);
    this.#deps.rooms.drop(stream);
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
      // Nothing follows on this connection, and a stopping server does not have to wait for it.
      connection: 'close',
      // Proxies that buffer responses would delay the events.
      'x-accel-buffering': 'no',
    };
    reply.raw.writeHead(200, headers as Record<string, string>);
    stream.begin({ pos: this.#deps.live.positionOf(stream), view });
    if (!this.#deps.activeTokens.track(stream, token)) stream.expire();
    if (stream.isEnded) return;
    if (expires !== undefined) this.#deps.tokenTimers.set(stream, expires);
    this.#heartbeats ??= this.#deps.platform.timers.every(heartbeat, () => {
      for (const stream of this.#all) stream.comment();
    });
  }

  #park(stream: EventStream): void {
    const { live, resumable } = this.#deps;
    if (this.#closed || resumable.window === 0) {
      this.#drop(stream);
      return;
    }
    const parked = live.park(stream);
    this.#drop(stream);
    // Objects and collections are resumed by position, so nothing has to be kept.
    if (!parked.some(({ kind }) => kind === 'query')) return;
    const entry: StreamEntry = {
      ...{ parked, owner: ownerOf(stream), own: bytesOf(parked), buffers: [] },
      forget: () => this.#forgetResumable(entry),
    };
    this.#resumable.add(entry);
    resumable.add(entry);
  }

  #forgetResumable(entry: StreamEntry): void {
    if (!this.#resumable.delete(entry)) return;
    this.#deps.resumable.delete(entry);
    this.#deps.live.releaseParked(entry.parked);
  }

  #forget(stream: EventStream, address: string): void {
    if (!this.#all.delete(stream)) return;
    stream.end();
    this.#deps.count.leave(address);
    this.#deps.activeTokens.untrack(stream);
    this.#deps.tokenTimers.clear(stream);
    this.#park(stream);
    if (this.#all.size > 0) return;
    this.#heartbeats?.cancel();
    this.#heartbeats = undefined;
  }
}

/** The subscription that a GET stands for: an object, a collection or a query. */
function streamMessage({ rest, message }: StreamOpening): JsonObject {
  const { target, query, headers } = rest;
  const lastId = headers['last-event-id']?.toString() ?? query.get('lastEventId');
  const options = message.cmdOpts as JsonObject;
  for (const cmd of ['count', 'history']) {
    if (message.cmd === cmd) throw fail.invalid(cmd, 'expected.absent.with.events');
  }
  if (target.kind === 'collection' && ofQueries.some((name) => query.has(name))) {
    const since = lastId === undefined ? {} : { since: lastId };
    return { ...message, cmd: 'read', cmdOpts: { ...options, ...since, subscribe: true } };
  }
  const from = lastId === undefined ? {} : startOf(target.kind, lastId);
  const { fields } = options;
  const item: JsonObject = { r: target.r, ...(fields !== undefined && { fields }), ...from };
  return { cmd: 'subscribe', body: { subscriptions: [item] } };
}

function startOf(kind: 'object' | 'collection', lastId: string): JsonObject {
  if (kind === 'collection') return { pos: lastId };
  const known = readRevisionId(lastId);
  if (!known) throw fail.invalid('Last-Event-ID', 'expected.revision');
  return { ...known };
}

/** The view of the only subscription in the response. */
function viewIn({ body }: JsonObject): unknown {
  const [subscription] = (body as { subscriptions?: readonly JsonObject[] }).subscriptions ?? [];
  return subscription?.view;
}

interface SubscribeFailure {
  readonly error: ErrorBody;
  readonly meta?: { readonly retryAfter: number };
}

/** A subscribe command never fails for a single item: the response carries the failure. */
function failureOf({ body }: JsonObject): ProtocolError | undefined {
  const [failure] =
    (body as { failures?: readonly SubscribeFailure[] } | undefined)?.failures ?? [];
  return failure && new ProtocolError({ ...failure.error, meta: failure.meta });
}
