import { provideRooms } from '../rooms-port.js';
import { ClientRooms } from './rooms.js';

// With this entry imported, every client has rooms: `really.room("/boards/7")`.
provideRooms((context) => new ClientRooms(context));

export {
  Room,
  type RoomMember,
  type RoomMessage,
  type RoomSnapshot,
  type RoomStatus,
} from './room.js';
