import { type Log, silentLog } from '../../platform/log.js';
import type { RoomBus, RoomBusMessage } from '../room-bus.js';

type RoomListener = (message: RoomBusMessage) => void;

/** The bus of rooms of a single server: a function call within `publish`. */
export function localRoomBus(log: Log = silentLog): RoomBus {
  const listeners = new Map<string, readonly RoomListener[]>();
  return {
    publish(r, message) {
      for (const listener of listeners.get(r) ?? []) {
        try {
          listener(message);
        } catch (error) {
          // A listener's fault: the others and the publisher go on.
          log.error({ err: error }, 'a listener of a room threw an error');
        }
      }
    },
    follow(r, listener) {
      // A wrapper, so that a function registered twice can be removed once.
      const own: RoomListener = (message) => listener(message);
      listeners.set(r, [...(listeners.get(r) ?? []), own]);
      return () => {
        const others = listeners.get(r)?.filter((registered) => registered !== own) ?? [];
        if (others.length > 0) listeners.set(r, others);
        else listeners.delete(r);
      };
    },
  };
}
