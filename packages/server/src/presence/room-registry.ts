import { Buffer } from 'node:buffer';
import type { Actor, JsonObject } from '@really/protocol';
import type { RoomBus, RoomBusMessage } from '../bus/room-bus.js';
import type { Membership } from './membership.js';
import { ObjectRoom, type RoomDeps } from './room.js';
import type { RoomBudget } from './room-budget.js';
import type { RoomCounts } from './room-metrics.js';

export interface RoomRegistryDeps extends RoomDeps {
  readonly roomBus: RoomBus;
  readonly budget: RoomBudget;
}

interface FollowedRoom {
  readonly room: ObjectRoom;
  readonly unfollow: () => void;
}

/** Approximate bytes of memory of a member besides its state and user. */
const bytesPerMember = 512;

/** What each push costs besides its bytes, as bytes: short ones take as much time to send. */
const bytesPerPush = 256;

/** The rooms of this node and who is in them. Every change goes over the bus. */
export class RoomRegistry {
  readonly #deps: RoomRegistryDeps;
  readonly #rooms = new Map<string, FollowedRoom>();

  constructor(deps: RoomRegistryDeps) {
    this.#deps = deps;
  }

  get counts(): RoomCounts {
    let [members, watchers] = [0, 0];
    for (const { room } of this.#rooms.values()) {
      members += room.list.count;
      watchers += room.watchers.size;
    }
    return { rooms: this.#rooms.size, members, watchers };
  }

  room(r: string): ObjectRoom | undefined {
    return this.#rooms.get(r)?.room;
  }

  /** Puts it into its room; with a state it appears. Throws 429 beyond a limit, and undoes it. */
  enter(membership: Membership, user: Actor): void {
    const { connection, r, state } = membership;
    const { budget } = this.#deps;
    budget.enter(connection.owner);
    try {
      this.#charge(membership, state, user);
    } catch (error) {
      budget.leave(connection.owner);
      throw error;
    }
    const room = this.#open(r);
    room.add(membership);
    if (state) this.#publishMember(membership, state, user);
    // The list that it gets has itself in it.
    membership.known = room.list.known;
  }

  /** Sets its state. Throws 429 beyond a limit. `undefined`: it only watches from now on. */
  setState(membership: Membership, state: JsonObject | undefined, user: Actor): void {
    this.#charge(membership, state, user);
    const was = membership.state;
    membership.state = state;
    if (state) this.#publishMember(membership, state, user);
    else if (was) this.#publishLeft(membership);
  }

  /** Takes it out of its room. Does nothing if it is in none. */
  exit(membership: Membership): void {
    const { room, connection, r, state } = membership;
    if (!room) return;
    const { budget } = this.#deps;
    room.remove(membership);
    if (state) this.#publishLeft(membership);
    budget.leave(connection.owner);
    budget.charge(membership.charged, 0);
    membership.charged = 0;
    if (room.isEmpty) this.#close(r);
  }

  publish(r: string, message: RoomBusMessage): void {
    this.#deps.roomBus.publish(r, message);
  }

  /** Charges its owner for what goes out to all who watch. */
  pay(owner: string, r: string, bytes: number): void {
    const watchers = this.room(r)?.watchers.size ?? 0;
    this.#deps.budget.payBytes(owner, (bytes + bytesPerPush) * watchers);
  }

  #publishMember({ connection, r, charged }: Membership, state: JsonObject, user: Actor): void {
    this.publish(r, { kind: 'member', id: connection.id, user, state });
    this.pay(connection.owner, r, charged - bytesPerMember);
  }

  #publishLeft({ connection, r }: Membership): void {
    this.publish(r, { kind: 'left', id: connection.id });
    this.pay(connection.owner, r, 0);
  }

  #charge(membership: Membership, state: JsonObject | undefined, user: Actor): void {
    const own = state ? Buffer.byteLength(JSON.stringify([state, user])) : 0;
    const bytes = bytesPerMember + own;
    this.#deps.budget.charge(membership.charged, bytes);
    membership.charged = bytes;
  }

  #open(r: string): ObjectRoom {
    const known = this.#rooms.get(r);
    if (known) return known.room;
    const room = new ObjectRoom(r, this.#deps);
    const unfollow = this.#deps.roomBus.follow(r, (message) => room.receive(message));
    this.#rooms.set(r, { room, unfollow });
    return room;
  }

  #close(r: string): void {
    this.#rooms.get(r)?.unfollow();
    this.#rooms.delete(r);
  }
}
