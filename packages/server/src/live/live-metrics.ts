import type { Counter, Metrics } from '../platform/metrics.js';

/** Why a snapshot was sent. */
export type SnapshotReason =
  /** The client named no revision. */
  | 'first'
  /** Fields were added. */
  | 'widened'
  /** The history does not reach back far enough. */
  | 'history'
  /** The model's version changed. */
  | 'version'
  /** Fields became visible. */
  | 'rights'
  /** Replaces updates that the connection was too slow for. */
  | 'conflated';

/** Metrics of the live layer. */
export interface LiveMetrics {
  readonly pushes: Counter;
  readonly snapshots: Counter;
  readonly gaps: Counter;
  readonly pauses: Counter;
  readonly refusals: Counter;
}

/** Gauges of the live layer: see `liveMetrics`. */
export interface LiveCounts {
  /** Connections that have or had a subscription. */
  readonly connections: number;
  readonly subscriptions: number;
  readonly queries: number;
  readonly objectTopics: number;
  readonly collectionTopics: number;
  /** Windows: identical queries share one. */
  readonly queryGroups: number;
  readonly queuedReads: number;
  readonly queryRows: number;
  readonly resumableRows: number;
  /** Objects in the windows as paused subscriptions know them. */
  readonly pausedRows: number;
}

export function liveMetrics(metrics: Metrics, read: () => LiveCounts): LiveMetrics {
  const observe = (name: string, help: string, member: keyof LiveCounts) => {
    metrics.observe(name, help, () => read()[member]);
  };
  observe('really_subscriptions', 'Subscriptions, including live queries.', 'subscriptions');
  observe('really_query_subscriptions', 'Live queries.', 'queries');
  observe('really_object_topics', 'Objects with subscribers.', 'objectTopics');
  observe('really_collection_topics', 'Collections that have subscribers.', 'collectionTopics');
  observe('really_query_windows', 'Windows of live queries.', 'queryGroups');
  observe(
    'really_catch_up_reads_waiting',
    'Store reads of subscriptions catching up; these reads wait for the limiter.',
    'queuedReads',
  );
  observe('really_query_rows', 'Objects in the windows of live queries.', 'queryRows');
  observe(
    'really_resumable_query_rows',
    'Objects in the windows of live queries that can be resumed.',
    'resumableRows',
  );
  observe(
    'really_paused_query_rows',
    'Objects in the windows of paused live queries, as their clients know them.',
    'pausedRows',
  );
  return {
    pushes: metrics.counter('really_pushes_total', 'Pushes by kind.', ['evt']),
    snapshots: metrics.counter('really_snapshots_total', 'Snapshots by reason.', ['reason']),
    gaps: metrics.counter(
      'really_gaps_filled_total',
      'Reads of the store for changes that the bus left out.',
    ),
    pauses: metrics.counter(
      'really_subscription_pauses_total',
      'Subscriptions paused because the output buffer of their connection was full.',
    ),
    refusals: metrics.counter(
      'really_push_refusals_total',
      'Subscriber groups that may no longer see an object, or whose rule or hook failed.',
    ),
  };
}
