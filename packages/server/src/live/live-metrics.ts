import type { Counter, Metrics } from '../platform/metrics.js';

/** Why a snapshot was sent. */
export type SnapshotReason =
  /** Asked for: no revision was named. */
  | 'first'
  /** Fields were added. */
  | 'widened'
  /** The history does not reach back far enough. */
  | 'history'
  /** The model has another version since. */
  | 'version'
  /** More of the object may be seen than before. */
  | 'rights'
  /** Stands for updates that the connection was too slow for. */
  | 'conflated';

/** What live tells an operator. */
export interface LiveMetrics {
  readonly pushes: Counter;
  readonly snapshots: Counter;
  readonly gaps: Counter;
  readonly pauses: Counter;
  readonly refusals: Counter;
}

/** How many there are of what, now. */
export interface LiveCounts {
  /** Listeners that have, or had, a subscription. */
  readonly connections: number;
  readonly subscriptions: number;
  /** Of these, those of reads. */
  readonly queries: number;
  readonly objectTopics: number;
  readonly collectionTopics: number;
  /** Windows of live queries: those who ask the same share one. */
  readonly queryGroups: number;
  /** Readings of the store, for those who subscribe or missed something, that wait their turn. */
  readonly queuedReads: number;
  /** Objects in these windows. */
  readonly queryRows: number;
  /** Objects in the windows of those who dropped and may come back. */
  readonly resumableRows: number;
}

export function liveMetrics(metrics: Metrics, read: () => LiveCounts): LiveMetrics {
  const observe = (name: string, help: string, member: keyof LiveCounts) => {
    metrics.observe(name, help, () => read()[member]);
  };
  observe('really_subscriptions', 'Subscriptions, those of reads included.', 'subscriptions');
  observe('really_query_subscriptions', 'Subscriptions of reads.', 'queries');
  observe('really_object_topics', 'Objects that somebody is subscribed to.', 'objectTopics');
  observe('really_collection_topics', 'Collections that somebody listens to.', 'collectionTopics');
  observe('really_query_windows', 'Windows of live queries.', 'queryGroups');
  observe(
    'really_catch_up_reads_waiting',
    'Readings of the store for subscriptions that wait their turn.',
    'queuedReads',
  );
  observe('really_query_rows', 'Objects in the windows of live queries.', 'queryRows');
  observe(
    'really_resumable_query_rows',
    'Objects in the windows of live queries that can be resumed.',
    'resumableRows',
  );
  return {
    pushes: metrics.counter('really_pushes_total', 'Pushes by kind.', ['evt']),
    snapshots: metrics.counter('really_snapshots_total', 'Snapshots by reason.', ['reason']),
    gaps: metrics.counter(
      'really_gaps_filled_total',
      'Times that the store was read because the bus had left something out.',
    ),
    pauses: metrics.counter(
      'really_subscription_pauses_total',
      'Times that a subscription had to wait until its connection took some output.',
    ),
    refusals: metrics.counter(
      'really_push_refusals_total',
      'Audiences that may not see an object any more, or whose rule or hook failed.',
    ),
  };
}
