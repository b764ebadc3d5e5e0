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
  metrics.observe('really_rooms', 'Rooms of objects that somebody watches.', () => read().rooms);
  metrics.observe(
    'really_room_watchers',
    'Connections in rooms, once for each room.',
    () => read().watchers,
  );
  metrics.observe(
    'really_room_members',
    'Connections in rooms that appear there as members, once for each room.',
    () => read().members,
  );
  return {
    pushes: metrics.counter('really_room_pushes_total', 'Pushes of rooms, by their evt.', ['evt']),
    omitted: metrics.counter(
      'really_room_pushes_omitted_total',
      'Pushes of rooms that were left out because output waited, with the whole list to follow.',
    ),
  };
}
