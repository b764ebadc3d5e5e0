import type { PartContext } from '../part-context.js';
import type { RoomsPort } from '../rooms-port.js';
import type { WireMessage } from '../wire-message.js';
import { Room } from './room.js';

/** The rooms that a client is in, one for each object however often it was asked for. */
export class ClientRooms implements RoomsPort {
  readonly #context: PartContext;
  readonly #rooms = new Map<string, Room>();
  /** Those with a `leave` that is not answered: what is still pushed of them is no reason for another. */
  readonly #leaving = new Set<string>();

  constructor(context: PartContext) {
    this.#context = context;
  }

  /** The room that is open, or another one. */
  open(r: string, state: object | undefined): Room {
    const known = this.#rooms.get(r);
    if (known) {
      if (state) known.present(state as never);
      if (known.status === 'failed') known.reopen();
      return known;
    }
    const room: Room = new Room(this.#context, {
      ...{ r, state: state as never },
      onLeft: (before) => {
        if (this.#rooms.get(r) === room) this.#rooms.delete(r);
        if (before !== 'failed') this.#leave(r);
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

  forget(): void {
    for (const room of this.#rooms.values()) room.forget();
  }

  receive(message: WireMessage): void {
    const { r = '', evt } = message;
    const room = this.#rooms.get(r);
    if (room && room.status !== 'failed') room.receive(message);
    // It was left without a connection, and the server kept it for the session that goes on.
    else if (evt !== 'failed' && !this.#leaving.has(r)) this.#leave(r);
  }

  #leave(r: string): void {
    this.#leaving.add(r);
    this.#context.requests.start({ cmd: 'leave', r }, () => this.#leaving.delete(r));
  }

  leaveAll(): void {
    for (const room of [...this.#rooms.values()]) room.leave();
  }
}
