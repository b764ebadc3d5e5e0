import { type Log, silentLog } from '../../platform/log.js';
import type { CommittedChange } from '../../store/stored-object.js';
import type { Bus } from '../bus.js';

type BusListener = (changes: readonly CommittedChange[]) => void;

/** The bus of a single server: a function call within `publish`. */
export function localBus(log: Log = silentLog): Bus {
  let listeners: readonly BusListener[] = [];
  return {
    publish(changes) {
      if (changes.length === 0) return;
      for (const listener of listeners) {
        try {
          listener(changes);
        } catch (error) {
          // A listener's fault: the others and the publisher go on.
          log.error({ err: error }, 'a listener of the bus threw an error');
        }
      }
    },
    listen(listener) {
      // A wrapper, so that a function registered twice can be removed once.
      const own: BusListener = (changes) => listener(changes);
      listeners = [...listeners, own];
      return () => {
        listeners = listeners.filter((registered) => registered !== own);
      };
    },
    async ping() {},
    async close() {
      listeners = [];
    },
  };
}
