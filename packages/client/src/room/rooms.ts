import type { FeedContext } from '../live/feed-context.js';
import type { RoomsPort } from '../rooms-port.js';
import type { WireMessage } from '../wire-message.js';
import { Room } from './room.js';

/** The rooms that a client is in, one for each object however often it was asked for. */
export class ClientRooms implements RoomsPort {
  readonly #context: FeedContext;
  readonly #rooms = new Map<string, Room>();

  constructor(context: FeedContext) {
    this.#context = context;
  }

  /** The room that is open, or another one. */
  open(r: string, state: object | undefined): Room {
    const known = this.#rooms.get(r);
    if (known) {
      if (state) known.present(state as never);
      return known;
    }
    const room: Room = new Room(this.#context, {
      ...{ r, state: state as never },
      onLeft: () => {
        if (this.#rooms.get(r) === room) this.#rooms.delete(r);
      },
    });
    this.#rooms.set(r, room);
    return room;
  }

  up(): void {
    for (const room of [...this.#rooms.values()]) room.up();
  }

  down(): void {
    for (const room of this.#rooms.values()) room.down();
  }

  receive(message: WireMessage): void {
    this.#rooms.get(message.r ?? '')?.receive(message);
  }

  leaveAll(): void {
    for (const room of [...this.#rooms.values()]) room.leave();
  }
}
