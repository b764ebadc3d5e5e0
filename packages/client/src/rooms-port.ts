import type { PartContext } from './part-context.js';
import type { Room } from './room/room.js';
import type { WireMessage } from './wire-message.js';

/** The rooms of a client, as its core knows them: their code is an entry of its own. */
export interface RoomsPort {
  open(r: string, state: object | undefined): Room;
  up(): void;
  down(): void;
  /** The next session is of another user. */
  forget(): void;
  /** A push without a count. */
  receive(message: WireMessage): void;
  /** The client is closed. */
  leaveAll(): void;
}

let make: ((context: PartContext) => RoomsPort) | undefined;

/** Called by `@really/client/room` when it is loaded. */
export function provideRooms(makeRooms: (context: PartContext) => RoomsPort): void {
  make = makeRooms;
}

export function roomsFor(context: PartContext): RoomsPort {
  if (!make)
    throw new TypeError('really.room needs the entry @really/client/room: import it first');
  return make(context);
}
