import type { Counter, Metrics } from '../platform/metrics.js';

export interface RoomMetrics {
  /** By evt. */
  readonly pushes: Counter;
  readonly omitted: Counter;
}

export interface RoomCounts {
  readonly rooms: number;
  readonly members: number;
  readonly watchers: number;
}

export function roomMetrics(metrics: Metrics, read: () => RoomCounts): RoomMetrics {
  const gauge = (name: string, help: string, of: keyof RoomCounts) =>
    metrics.observe(name, help, () => read()[of]);
  gauge('really_rooms', 'Rooms of objects that somebody watches.', 'rooms');
  gauge('really_room_watchers', 'Connections in rooms, once for each room.', 'watchers');
  gauge(
    'really_room_members',
    'Connections in rooms that appear there as members, once for each room.',
    'members',
  );
  return {
    pushes: metrics.counter('really_room_pushes_total', 'Pushes of rooms, by their evt.', ['evt']),
    omitted: metrics.counter(
      'really_room_pushes_omitted_total',
      'Pushes of rooms that were left out because output waited, with the whole list to follow.',
    ),
  };
}
