import {
  type Actor,
  fail,
  type JsonObject,
  type ProtocolError,
  type SendRequest,
} from '@really/protocol';
import type { Bus } from '../bus/bus.js';
import type { RoomBus } from '../bus/room-bus.js';
import type { PushTarget } from '../live/push-target.js';
import type { ModelSet } from '../model/model.js';
import { actorOf } from '../objects/change.js';
import type { Objects } from '../objects/objects.js';
import { toProtocolError } from '../objects/to-protocol-error.js';
import type { Budgets } from '../platform/budget.js';
import type { Limits } from '../platform/limits.js';
import type { Log } from '../platform/log.js';
import type { Metrics } from '../platform/metrics.js';
import type { Platform } from '../platform/platform.js';
import { Deadlines } from '../platform/scheduling/deadlines.js';
import { InFlight } from '../platform/scheduling/in-flight.js';
import { TickSlice } from '../platform/scheduling/tick-slice.js';
import { ownerOf, type Requester } from '../queries/owner.js';
import type { Pos } from '../store/stored-object.js';
import { Membership, RoomConnection } from './membership.js';
import { RightsWatch } from './rights-watch.js';
import { RoomBudget, type RoomLimits, type RoomRates } from './room-budget.js';
import { roomFailedFrame } from './room-frames.js';
import { type RoomCounts, roomMetrics } from './room-metrics.js';
import { RoomRegistry } from './room-registry.js';
import { RoomRights, type RoomTopic } from './room-rights.js';
import { RoomValues } from './room-values.js';

export interface RoomsOptions {
  readonly bus: Bus;
  readonly roomBus: RoomBus;
  readonly models: () => ModelSet;
  readonly objects: Pick<Objects, 'head' | 'published'>;
  readonly platform: Platform;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly budgets: Budgets;
  readonly limits: RoomLimits & Pick<Limits, 'roomState' | 'roomMessage'>;
  readonly rates: RoomRates;
  /** Members of a token's data that others may see. */
  readonly publicData: readonly string[];
}

export interface JoinedRoom {
  readonly body: JsonObject;
  /** Call when the response is queued: from then on pushes may follow. */
  readonly begin: () => void;
}

/** A message's sender; `target` is its connection, if it has one. */
export interface RoomSender extends Requester {
  readonly target: PushTarget | undefined;
}

/** Milliseconds after a drop in which a connection can resume unnoticed (rule PRS9). */
export const grace = 5000;

/**
 * Presence and messages, as the commands use them: checks rights, values and limits, and then
 * changes a room. `ObjectRoom` in `room.ts` gathers the changes and pushes them in ticks. Nothing of
 * it is stored. See docs/decisions/0025-presence.md.
 */
export class Rooms {
  readonly #options: RoomsOptions;
  readonly #rights: RoomRights;
  readonly #watch: RightsWatch;
  readonly #values: RoomValues;
  readonly #budget: RoomBudget;
  readonly #registry: RoomRegistry;
  readonly #inFlight = new InFlight();
  readonly #connections = new Map<PushTarget, RoomConnection>();
  /** Closed connections: a command that begins later must not bring them into a room. */
  readonly #gone = new WeakSet<PushTarget>();
  readonly #graceTimers: Deadlines<RoomConnection>;
  readonly close: () => void;

  constructor(options: RoomsOptions) {
    const { platform } = options;
    const { clock, timers } = platform;
    this.#options = options;
    this.#rights = new RoomRights(options);
    this.#values = new RoomValues({ ...options, clock });
    this.#budget = new RoomBudget({ ...options, clock });
    const shared = { inFlight: this.#inFlight, slice: new TickSlice(clock) };
    this.#registry = new RoomRegistry({
      ...{ ...options, ...shared, budget: this.#budget, timers },
      metrics: roomMetrics(options.metrics, () => this.#registry.counts),
    });
    this.#watch = new RightsWatch({
      ...{ ...options, ...shared, rights: this.#rights },
      fail: (membership, error) => this.#fail(membership, error),
    });
    this.#graceTimers = new Deadlines({
      ...{ platform, clock: 'monotonic' },
      due: (connection) => this.#goAway(connection),
    });
    this.close = options.bus.listen((changes) => this.#watch.receive(changes));
  }

  /**
   * Rule PRS1. With a state the connection appears to the others; without one it only watches.
   * Rejects with 400, 403, 404, 409, 410, 429 or 503.
   */
  async join(
    target: PushTarget,
    topic: RoomTopic,
    change: JsonObject | undefined,
  ): Promise<JoinedRoom> {
    const connection = this.#open(target);
    const known = connection.memberships.get(topic.r);
    if (!known) this.#budget.assertRoom(connection);
    this.#budget.assertBytes(connection.owner);
    connection.pendingJoins += 1;
    try {
      const model = this.#rights.model(topic);
      const asked = { before: {}, change: change ?? {}, path: 'body.state' };
      const state = change && (await this.#values.state(model, asked));
      const membership = known ?? new Membership(connection, topic, state);
      if (known) await this.#joinAgain(target, known, state);
      else await this.#joinFirst(target, membership);
      return this.#joined(membership);
    } finally {
      connection.pendingJoins -= 1;
    }
  }

  /** After a join whose response is not sent: the list comes as a push, and then what changes. */
  sendList(target: PushTarget, r: string): void {
    const membership = this.#connections.get(target)?.memberships.get(r);
    if (!membership) return;
    // What was held is in the list, or older.
    membership.isBehind = true;
    membership.releaseAnswers();
    membership.room?.sendList(membership);
  }

  /** Rule PRS3. Rejects with 400, 403, 404, 409, 429 or 503. Call the result as that of `join`. */
  async present(target: PushTarget, topic: RoomTopic, change: JsonObject): Promise<() => void> {
    const membership = this.#membershipOf(target, topic);
    const { connection } = membership;
    this.#budget.assertBytes(connection.owner);
    const before = membership.state ?? {};
    const asked = { before, change, path: 'body' };
    const state = await this.#values.state(this.#rights.model(topic), asked);
    await this.#watch.authorizeBy(membership, () =>
      this.#rights.demandPresent(topic, connection.auth),
    );
    // It lost its rights meanwhile.
    if (!membership.room) throw fail('subscription.missing');
    this.#registry.setState(membership, state, this.#actor(connection));
    return this.#untilAnswered(membership, target);
  }

  /** Rule PRS4. Rejects with 400, 403, 404, 409, 410 or 429. Call the result as that of `join`. */
  async send(sender: RoomSender, topic: RoomTopic, body: SendRequest['body']): Promise<() => void> {
    const { target, auth } = sender;
    const connection = target && this.#open(target);
    const owner = ownerOf(sender);
    this.#budget.takeSend(connection?.id ?? owner);
    this.#budget.assertBytes(owner);
    const { event, data } = await this.#values.message(this.#rights.model(topic), body);
    await this.#rights.demandSend(topic, auth);
    // Only now: who may not read the object may not know of its room.
    if (this.#registry.room(topic.r)?.isBusy) throw fail.rateLimited();
    const membership = connection?.memberships.get(topic.r);
    const member = membership?.room && connection?.id;
    const by = this.#actor({ auth });
    // Before it is published: watchers of this node get it in the same call.
    const begin = this.#untilAnswered(membership, target);
    this.#registry.publish(topic.r, { kind: 'sent', member, by, event, data });
    this.#registry.pay(owner, topic.r, JSON.stringify([body, by]).length);
    return begin;
  }

  /** Rule PRS5. Throws 404 `subscription.missing`. */
  leave(target: PushTarget, topic: RoomTopic): void {
    this.#exit(this.#membershipOf(target, topic));
  }

  /** The connection is gone, and will not resume: its members leave at once. */
  drop(target: PushTarget): void {
    this.#gone.add(target);
    const connection = this.#connections.get(target);
    if (connection) this.release(connection);
  }

  /**
   * The connection dropped and may resume: its members stay for the time of grace. `undefined`: it
   * is in no room. Keep the result until `resume` or `release`.
   */
  park(target: PushTarget): RoomConnection | undefined {
    const connection = this.#connections.get(target);
    if (!connection || connection.memberships.size === 0) {
      this.drop(target);
      return undefined;
    }
    this.#connections.delete(target);
    this.#gone.add(target);
    connection.detach('detached');
    for (const membership of connection.memberships.values()) membership.detach();
    this.#graceTimers.set(connection, this.#options.platform.clock.monotonic() + grace);
    return connection;
  }

  /**
   * Moves a parked connection to its new socket. Returns a function that begins the pushes: the
   * whole list of each room, or a `failed`.
   */
  resume(target: PushTarget, connection: RoomConnection): () => void {
    this.#graceTimers.clear(connection);
    connection.attach(target);
    this.#connections.set(target, connection);
    target.watchLife?.(true);
    const memberships = [...connection.memberships.values()];
    for (const membership of memberships) {
      membership.hold('resume');
      // The token may be another one.
      this.#watch.authChanged(membership);
    }
    return () => {
      for (const membership of memberships) this.#inFlight.during(this.#restart(membership));
    };
  }

  /** A parked connection will not resume: its members leave at once. */
  release(connection: RoomConnection): void {
    const { target } = connection;
    this.#graceTimers.clear(connection);
    connection.detach('ended');
    for (const membership of [...connection.memberships.values()]) this.#exit(membership);
    if (!target) return;
    this.#connections.delete(target);
    target.watchLife?.(false);
  }

  /** Authorizes again after the `auth` of a connection changed. Returns in how many rooms. */
  authChanged(target: PushTarget): number {
    const connection = this.#connections.get(target);
    if (!connection) return 0;
    const rooms = connection.joining.size + connection.memberships.size;
    for (const membership of connection.joining) this.#watch.authChanged(membership);
    for (const membership of [...connection.memberships.values()]) {
      this.#watch.authChanged(membership);
      this.#updateUser(membership);
    }
    return rooms;
  }

  /** Call after the models were replaced; `pos`: the store's position. */
  reloaded(pos: Pos): void {
    this.#watch.reloaded(pos);
  }

  get counts(): RoomCounts {
    return this.#registry.counts;
  }

  /** Resolves when no authorization and no delivery is in progress. */
  async settled(): Promise<void> {
    await this.#inFlight.settled();
  }

  async #joinFirst(target: PushTarget, membership: Membership): Promise<void> {
    const { connection, r } = membership;
    connection.joining.add(membership);
    this.#watch.add(membership);
    try {
      await this.#watch.authorize(membership);
      assertAttached(connection, target);
      this.#registry.enter(membership, this.#actor(connection));
    } catch (error) {
      this.#watch.remove(membership);
      throw error;
    } finally {
      connection.joining.delete(membership);
    }
    connection.memberships.set(r, membership);
    target.watchLife?.(true);
  }

  /** With another state, or without one: a change, never a leave and a join. */
  async #joinAgain(
    target: PushTarget,
    membership: Membership,
    state: JsonObject | undefined,
  ): Promise<void> {
    const { topic, connection } = membership;
    await this.#watch.authorizeBy(membership, () =>
      this.#rights.demandWatch(topic, connection.auth, state !== undefined),
    );
    assertAttached(connection, target);
    if (!membership.room) throw fail('subscription.missing');
    this.#registry.setState(membership, state, this.#actor(connection));
    membership.restartAt(membership.room.list.known, membership.room.isDelivering);
  }

  #joined(membership: Membership): JoinedRoom {
    const { room, connection } = membership;
    if (!room) throw fail('subscription.missing');
    const { count, members } = room.list;
    const begin = this.#untilAnswered(membership, connection.target);
    return { body: { me: connection.id, count, members }, begin };
  }

  /**
   * Holds the pushes to a connection until the returned function is called: when the response is queued. Each command has a
   * hold of its own. None if the connection has another socket by now, on which no response follows.
   */
  #untilAnswered(membership: Membership | undefined, target: PushTarget | undefined): () => void {
    if (!membership || membership.connection.target !== target) return () => {};
    return membership.holdUntilAnswered();
  }

  #open(target: PushTarget): RoomConnection {
    const known = this.#connections.get(target);
    if (known) return known;
    const connection = new RoomConnection(this.#newId(), target);
    if (this.#gone.has(target)) connection.detach('ended');
    else this.#connections.set(target, connection);
    return connection;
  }

  #membershipOf(target: PushTarget, { r }: RoomTopic): Membership {
    const membership = this.#connections.get(target)?.memberships.get(r);
    if (!membership) throw fail('subscription.missing');
    return membership;
  }

  #exit(membership: Membership): void {
    const { connection } = membership;
    this.#watch.remove(membership);
    this.#registry.exit(membership);
    connection.memberships.delete(membership.r);
    if (connection.memberships.size === 0) connection.target?.watchLife?.(false);
  }

  /** Rule PRS10. */
  #fail(membership: Membership, error: ProtocolError): void {
    const { connection, r } = membership;
    if (connection.memberships.get(r) !== membership) return;
    // It is authorized once more, and informed, when it resumes.
    const mayResume = connection.state === 'detached' || connection.state === 'away';
    if (mayResume) this.#watch.remove(membership);
    if (mayResume || membership.isHeldFor('resume')) {
      this.#registry.exit(membership);
    } else {
      this.#end(membership, error);
    }
  }

  #end(membership: Membership, error: ProtocolError): void {
    this.#exit(membership);
    membership.sendLast(roomFailedFrame(membership.r, error));
  }

  /** The time of grace is over: its members leave, and come again if it resumes. */
  #goAway(connection: RoomConnection): void {
    connection.state = 'away';
    for (const membership of connection.memberships.values()) {
      this.#watch.remove(membership);
      this.#registry.exit(membership);
    }
  }

  /** After a resume. Never rejects. */
  async #restart(membership: Membership): Promise<void> {
    const { connection, r } = membership;
    const { target } = connection;
    // It was closed, left or resumed again meanwhile.
    const isOver = () =>
      connection.target !== target || connection.memberships.get(r) !== membership;
    try {
      if (!membership.room) this.#watch.add(membership);
      await this.#watch.authorize(membership);
      if (isOver()) return;
      const user = this.#actor(connection);
      if (!membership.room) this.#registry.enter(membership, user);
      else this.#registry.setState(membership, membership.state, user);
      membership.isBehind = true;
      membership.release('resume');
      membership.room?.sendList(membership);
    } catch (thrown) {
      if (isOver()) return;
      this.#end(membership, toProtocolError(thrown, this.#options, { r }, 'subscription'));
    }
  }

  /** The user as others see it may have changed with the token. */
  #updateUser(membership: Membership): void {
    const { room, state, connection, r } = membership;
    if (!room || !state) return;
    try {
      this.#registry.setState(membership, state, this.#actor(connection));
    } catch (thrown) {
      this.#fail(membership, toProtocolError(thrown, this.#options, { r }, 'subscription'));
    }
  }

  #actor({ auth }: Pick<RoomConnection, 'auth'>): Actor {
    return actorOf(auth, this.#options.publicData);
  }

  /** 128 random bits. */
  #newId(): string {
    return `m${Buffer.from(this.#options.platform.random.bytes(16)).toString('base64url')}`;
  }
}

/** Throws if the connection dropped while its join was authorized: nobody would get the response. */
function assertAttached(connection: RoomConnection, target: PushTarget): void {
  if (connection.target !== target) throw fail('server.unavailable');
}
