import type { JsonObject } from '@really/protocol/client';
import { type ClientPlatform, clientPlatform, untilClosed } from './client-platform.js';
import { ClientConnection } from './connection/client-connection.js';
import type { ConnectionState } from './connection/connection-state.js';
import type { SessionInfo, SessionUser } from './connection/session-state.js';
import { defaultLinkTimes, type LinkTimes } from './connection/socket-link.js';
import type { TokenOption } from './connection/token-source.js';
import type { MakeList } from './live/live-list-feed.js';
import { LiveCopies } from './live-copies.js';
import type { LiveList, LiveObject } from './live-copy.js';
import type {
  EventsAt,
  FieldNameAt,
  KnownR,
  LiveAt,
  Narrowed,
  PatternOf,
  PresenceAt,
  UntypedModels,
} from './models.js';
import { Observable } from './observable.js';
import type { PartContext } from './part-context.js';
import { errorText, type ReallyError } from './really-error.js';
import { collectionAddress, objectAddress } from './refs/address.js';
import { BatchBuilder } from './refs/batch-builder.js';
import type { RefContext } from './refs/ref-context.js';
import { CollectionRef, ObjectRef } from './refs/refs.js';
import type { ListQuery } from './requests/list-query.js';
import { Reads, type RequestOptions } from './requests/reads.js';
import { Requests } from './requests/requests.js';
import type { Room } from './room/room.js';
import { type RoomsPort, roomsFor } from './rooms-port.js';
import type { WireMessage, WireRequest } from './wire-message.js';
import type { ClientCommand } from './writes/client-command.js';
import type { ClientWrite, WriteHandle, WriteOptions } from './writes/client-write.js';
import { IdMaker } from './writes/new-id.js';
import { fieldsOf, SeenRevisions } from './writes/seen-revisions.js';
import type { WriteKeeper } from './writes/write-keeper.js';
import { WriteQueue } from './writes/write-queue.js';

export interface ReallyOptions {
  /**
   * The access token, or a function that fetches one: asked at each connect, and again before the token
   * expires. Null: the user has to sign in.
   */
  readonly token: TokenOption;
  /** `modelsHash` of the written types: one warning on the console if the server has other models. Rule TSC11. */
  readonly models?: string | undefined;
  /** Milliseconds for an answer, 30,000 by default. They count only while it is sent and connected. */
  readonly timeout?: number | undefined;
  /** Milliseconds that the server remembers once-ids (its setting `onceWindow`): an hour by default. */
  readonly onceWindow?: number | undefined;
  /** Milliseconds of the heartbeat. */
  readonly heartbeat?: Partial<LinkTimes> | undefined;
  /** Keeps writes beyond this page: `offline()` of `@really/client/offline`. */
  readonly offline?: WriteKeeper | undefined;
  /** Shows in live lists at once what own writes do to them: `rql()` of `@really/client/rql`. */
  readonly rql?: MakeList | undefined;
  /** In place of the WebSocket, the clock and so on of this page or process. */
  readonly platform?: Partial<ClientPlatform> | undefined;
}

/** The state of the connection, and of the writes that wait for it. Rule TSC5. */
export type ConnectionSnapshot = ConnectionState & {
  /** As `really.user`. */
  readonly user: SessionUser | undefined;
  readonly pendingWrites: number;
  /** When the oldest of them was made, in milliseconds since 1970. */
  readonly oldestPending: number | undefined;
};

/** A write that the server refused, or of which nobody knows whether it was applied. */
export interface RefusedWrite {
  readonly write: WriteHandle<unknown>;
  readonly error: ReallyError;
  readonly commands: readonly ClientCommand[];
  /** By address, what is there now without the write, of the objects that are live. */
  readonly values: ReadonlyMap<string, JsonObject | undefined>;
}

export interface ReallyEvents {
  'write-refused': RefusedWrite;
}

/** A client: one connection to a server, and everything that goes over it. */
export class Really<Models = UntypedModels> {
  readonly #connection: ClientConnection;
  readonly #requests: Requests;
  readonly #reads: Reads;
  readonly #seen = new SeenRevisions((r) => this.#live.part?.shown(r) ?? []);
  readonly #queue: WriteQueue;
  readonly #context: PartContext;
  readonly #live = new LiveCopies(() => this.#context);
  /** Once there was one. */
  #rooms: RoomsPort | undefined;
  readonly #refs: RefContext;
  readonly #connectionChanges = new Observable<[]>();
  readonly #refusals = new Observable<[RefusedWrite]>();
  readonly #platform: ClientPlatform;
  readonly #endTimers: () => void;
  #snapshot: ConnectionSnapshot | undefined;
  /** Those of the app's types, until a difference was told. */
  #models: string | undefined;

  /**
   * Connects at once. `url`: of the server, `wss://example.com`, also with `http`. Throws a `TypeError`
   * where it is none.
   */
  constructor(url: string | URL, options: ReallyOptions) {
    const [platform, endTimers] = untilClosed(clientPlatform(options.platform));
    this.#platform = platform;
    this.#endTimers = endTimers;
    const timeout = options.timeout ?? 30_000;
    const requests = new Requests((message) => this.#connection.send(message));
    this.#requests = requests;
    this.#reads = new Reads({ platform, requests, timeout, isConnected: () => requests.isUp });
    this.#queue = new WriteQueue({
      ...{ platform, requests, timeout, seen: this.#seen },
      onceWindow: options.onceWindow ?? 3_600_000,
      keeper: options.offline,
      listener: {
        onAdded: (write, behind) => this.#live.part?.added(write, behind),
        onCommitted: (write) => this.#live.part?.committed(write),
        onFailed: (write, error) => this.#failed(write, error),
        onQueueChanged: () => this.#connectionChanged(),
      },
    });
    const makeList = options.rql;
    const [writes, seen] = [this.#queue, this.#seen];
    this.#context = { platform, requests, timeout, writes, seen, makeList };
    this.#refs = this.#refContext(new IdMaker(platform));
    const times = { ...defaultLinkTimes, ...options.heartbeat };
    const { token, models } = options;
    this.#models = models;
    const session = { url: socketUrl(url), token, times, models };
    this.#connection = new ClientConnection(platform, session, {
      onReady: (info, resumed) => this.#up(info, resumed),
      onMessage: (message) => this.#receive(message),
      onDown: () => this.#down(),
    });
    this.#connection.changes.subscribe(() => this.#connectionChanged());
  }

  /** The state of the connection, to look at and to subscribe to. */
  readonly connection = {
    getSnapshot: (): ConnectionSnapshot => {
      this.#snapshot ??= {
        ...this.#connection.state,
        user: this.user,
        pendingWrites: this.#queue.waiting.size,
        oldestPending: this.#queue.oldest,
      };
      return this.#snapshot;
    },
    /** Calls the listener at every change. Returns what ends that. */
    subscribe: (listener: () => void): (() => void) => this.#connectionChanges.subscribe(listener),
    /** Tries now instead of waiting for the next attempt: after the user signed in, for example. */
    connect: (): void => this.#connection.connect(),
    /** Asks for another token now, and continues the session with it. */
    renew: (): void => this.#connection.renew(),
  };

  /** Who the server says that the token is; `undefined` while there is no session. `connection` tells of changes. */
  get user(): SessionUser | undefined {
    return this.#connection.info?.user;
  }

  /** The writes that are not settled, the oldest first. When there are others, `connection` tells. */
  get writes(): readonly WriteHandle<unknown>[] {
    return [...this.#queue.waiting];
  }

  collection<const R extends string>(r: KnownR<Models, R>): CollectionRef<Models, PatternOf<R>> {
    return new CollectionRef(collectionAddress(r), this.#refs);
  }

  object<const R extends string>(r: KnownR<Models, R>): ObjectRef<Models, PatternOf<R>> {
    return new ObjectRef(objectAddress(r), this.#refs);
  }

  /** A copy of an object, or of what a query finds, that is kept up to date until it is closed. */
  live<Pattern extends string>(
    object: ObjectRef<Models, Pattern>,
  ): LiveObject<LiveAt<Models, Pattern>>;
  live<Pattern extends string, const Field extends FieldNameAt<Models, Pattern> = never>(
    collection: CollectionRef<Models, Pattern>,
    query?: ListQuery<Field>,
  ): LiveList<Narrowed<LiveAt<Models, Pattern>, Models, Pattern, Field>>;
  live(target: { live(query?: ListQuery): unknown }, query?: ListQuery): unknown {
    return target.live(query);
  }

  /**
   * Joins the room of an object, until `leave`. With a state one appears to the others, without one only watches. The
   * room that is open already is given again. Needs `import '@really/client/room'`. Rule TSC14.
   */
  room<const R extends string>(
    r: KnownR<Models, R>,
    options: { readonly state?: PresenceAt<Models, PatternOf<R>> | undefined } = {},
  ): Room<PresenceAt<Models, PatternOf<R>>, EventsAt<Models, PatternOf<R>>> {
    this.#rooms ??= roomsFor(this.#context);
    return this.#rooms.open(objectAddress(r).r, options.state) as never;
  }

  /** Up to 100 creates, updates and deletes that are done together or not at all. */
  batch(
    build: (batch: BatchBuilder<Models>) => unknown,
    options: WriteOptions = {},
  ): WriteHandle<readonly unknown[]> {
    const builder = new BatchBuilder<Models>(this.#refs);
    build(builder);
    if (builder.commands.length === 0) throw new TypeError('a batch needs a write');
    return this.#queue.add(builder.commands, options, true);
  }

  /** Returns what ends it. */
  on<Name extends keyof ReallyEvents>(
    _name: Name,
    listener: (event: ReallyEvents[Name]) => void,
  ): () => void {
    return this.#refusals.subscribe(listener);
  }

  /** Ends the connection for good. What waits fails with `connection.closed`. */
  close(): void {
    this.#connection.close();
    this.#rooms?.leaveAll();
    this.#queue.close();
    this.#reads.close();
    this.#live.close();
    this.#endTimers();
  }

  #refContext(ids: IdMaker): RefContext {
    return {
      newId: () => ids.next(),
      write: (command, options) => this.#queue.add([command], options),
      read: (request, options) => this.#read(request, options),
      live: (r, query) => this.#live.open(r, query) as never,
    };
  }

  async #read(request: WireRequest, options: RequestOptions): Promise<WireMessage> {
    const message = await this.#reads.read(request, options);
    const items = (message.body?.items ?? []) as { body?: JsonObject }[];
    const { fields } = (request.cmdOpts ?? {}) as { fields?: readonly string[] };
    for (const object of [message.body, ...items.map(({ body }) => body)]) {
      if (typeof object?._r !== 'string') continue;
      this.#seen.note(object._r, { rev: Number(object._rev), fields: fieldsOf(fields, object) });
    }
    return message;
  }

  #up({ user, epoch, models = this.#models }: SessionInfo, isResumed: boolean): void {
    if (this.#models !== undefined && models !== this.#models) {
      this.#models = undefined;
      this.#platform.warn('really: types of other models. Run `really models types`.');
    }
    if (this.#queue.up(user.uid)) {
      this.#live.part?.forget();
      this.#seen.forget();
      this.#rooms?.forget();
    }
    if (this.#seen.useEpoch(epoch)) this.#live.part?.storeChanged();
    this.#requests.up();
    // What may have been applied first: what comes after is judged by its answer.
    this.#queue.sendAll();
    this.#live.up(isResumed);
    this.#rooms?.up();
    this.#reads.up();
  }

  #down(): void {
    // First: what ends with the session must not send others on it.
    this.#queue.down();
    this.#requests.down();
    this.#live.part?.down();
    this.#rooms?.down();
  }

  #receive(message: WireMessage): void {
    if (message.tag !== undefined) this.#requests.receive(message);
    else if (message.eph) this.#rooms?.receive(message);
    else this.#live.part?.receive(message);
  }

  #failed(write: ClientWrite, error: ReallyError): void {
    const { part } = this.#live;
    part?.failed(write);
    const { commands } = write;
    const values = new Map(commands.map(({ r }) => [r, part?.valueOf(r)]));
    if (!this.#refusals.isHeard) this.#platform.warn(errorText(error));
    this.#refusals.emit({ write, error, commands, values });
  }

  #connectionChanged(): void {
    this.#snapshot = undefined;
    this.#connectionChanges.emit();
  }
}

/** `http://localhost:9000` and `ws://localhost:9000/` are `ws://localhost:9000/v0.1/socket`. */
function socketUrl(given: string | URL): string {
  const url = new URL(given);
  if (!/^(ws|http)s?:$/.test(url.protocol)) {
    throw new TypeError(
      `${given} is no address of a server: expected one such as wss://example.com`,
    );
  }
  url.protocol = url.protocol.replace('http', 'ws');
  if (!url.pathname.endsWith('/socket'))
    url.pathname = `${url.pathname.replace(/\/$/, '')}/v0.1/socket`;
  return url.href;
}
