import type { Really } from '../really.js';
import type { ReallyError } from '../really-error.js';
import { noAddress } from './live-result.js';
import { perClient } from './per-client.js';
// It gives clients their rooms.
import '../room/mod.js';
import type { Room, RoomMember, RoomSnapshot, RoomStatus } from '../room/room.js';

/** What is known of a room. */
export interface RoomValue<State> {
  /** Oneself; `undefined` while it is not known, and of who only watches. */
  readonly me: RoomMember<State> | undefined;
  readonly others: readonly RoomMember<State>[];
  /** Oneself included. */
  readonly count: number;
}

/** What `useRoom` returns: the same object until something changes. */
export interface RoomResult<State extends object, Events extends object> {
  /** `disabled`: the address is null. The others are those of rooms. */
  readonly status: RoomStatus | 'disabled';
  readonly value: RoomValue<State> | undefined;
  /** Not joined at the moment: the others are those that were known last. */
  readonly stale: boolean;
  /** Joining. */
  readonly pending: boolean;
  readonly error: ReallyError | undefined;
  /** To listen to messages and to send them; `undefined` before the component is mounted. */
  readonly room: Room<State, Events> | undefined;
  /** Changes members of the own state; null removes one. */
  readonly present: Room<State, Events>['present'];
}

export type AnyRoomResult = RoomResult<object, object>;

const noRoom = { value: undefined, error: undefined, room: undefined, present: () => {} };

export const disabledRoom: AnyRoomResult = {
  ...{ status: 'disabled', stale: false, pending: false },
  ...noRoom,
};

export const joiningRoom: AnyRoomResult = {
  ...{ status: 'joining', stale: true, pending: true },
  ...noRoom,
};

/** Milliseconds that one stays in a room at most after the last component of it is gone: the others see it. */
const longestStay = 1_000;

/** The rooms that the components of an app are in, each joined once. */
export class SharedRooms {
  readonly #client: Really;
  readonly #rooms = new Map<string, SharedRoom>();

  constructor(client: Really) {
    this.#client = client;
  }

  /** Has no effect, so that a render may call it. */
  getSnapshot(r: string): AnyRoomResult {
    return this.#rooms.get(r)?.getSnapshot() ?? joiningRoom;
  }

  /** Joins, or is in the room already; leaves `linger` milliseconds, a second at most, after the last. */
  subscribe(
    r: string,
    state: object | undefined,
    { listener, linger }: { listener: () => void; linger: number },
  ): () => void {
    const known = this.#rooms.get(r);
    const room = known ?? new SharedRoom(this.#client, r, () => this.#rooms.delete(r));
    this.#rooms.set(r, room);
    return room.subscribe(state, listener, Math.min(linger, longestStay));
  }
}

/** A room for any number of components. */
class SharedRoom {
  readonly #client: Really;
  readonly #r: string;
  readonly #onLeft: () => void;
  readonly #listeners = new Set<() => void>();
  #state: object | undefined;
  #room: Room<object, object> | undefined;
  #end = () => {};
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Of the last snapshot of the room. */
  #shown: { readonly of: RoomSnapshot<object>; readonly result: AnyRoomResult } | undefined;
  /** It is none: the address is wrong. */
  #failed: AnyRoomResult | undefined;

  constructor(client: Really, r: string, onLeft: () => void) {
    this.#client = client;
    this.#r = r;
    this.#onLeft = onLeft;
  }

  getSnapshot(): AnyRoomResult {
    const room = this.#room;
    if (!room) return this.#failed ?? joiningRoom;
    const snapshot = room.getSnapshot();
    if (this.#shown?.of !== snapshot) {
      this.#shown = { of: snapshot, result: resultOf(room, snapshot) };
    }
    return this.#shown.result;
  }

  subscribe(state: object | undefined, listener: () => void, linger: number): () => void {
    clearTimeout(this.#timer);
    // Each component has a listener of its own, also where it is the same function.
    const own = () => listener();
    this.#listeners.add(own);
    const isFirst = this.#state === undefined;
    this.#state ??= state;
    if (!this.#room) this.#join();
    else if (state && isFirst) this.#room.present(state as never);
    return () => {
      this.#listeners.delete(own);
      if (this.#listeners.size === 0) this.#timer = setTimeout(() => this.#leave(), linger);
    };
  }

  #join(): void {
    const r = this.#r;
    try {
      const room = this.#client.room(r, { state: this.#state });
      this.#room = room as object as Room<object, object>;
      this.#end = room.subscribe(() => this.#changed());
    } catch (cause) {
      const error = noAddress(r, cause);
      this.#failed = { ...joiningRoom, status: 'failed', pending: false, error };
    }
  }

  #changed(): void {
    if (this.#room?.status === 'left') {
      // The app left it, and components are still there.
      this.#end();
      this.#room = undefined;
      queueMicrotask(() => {
        if (this.#listeners.size > 0 && !this.#room) this.#join();
        this.#notify();
      });
    }
    this.#notify();
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  #leave(): void {
    this.#onLeft();
    this.#end();
    this.#room?.leave();
  }
}

function resultOf(
  room: Room<object, object>,
  { status, me, others, count, error }: RoomSnapshot<object>,
): AnyRoomResult {
  return {
    ...{ status, value: { me, others, count }, error, room },
    stale: status !== 'joined',
    pending: status === 'joining',
    present: (change) => room.present(change),
  };
}

/** Those of this client. */
export const sharedRoomsOf = perClient((client) => new SharedRooms(client));
