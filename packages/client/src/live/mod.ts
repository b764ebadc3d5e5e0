import { provideLive } from '../live-port.js';
import { ClientLive } from './client-live.js';

// With this entry imported, live copies are there from the first call on; without it, they load it.
provideLive((context) => new ClientLive(context));

export type { LiveList, LiveObject } from '../live-copy.js';
export type { ListChange, LiveSnapshot, LiveStatus, ObjectChange } from './live-snapshot.js';
