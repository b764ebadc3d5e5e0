import type { DroppableTask } from '../../platform/scheduling/fair-limiter.js';
import type { Hit } from '../../queries/search.js';
import type { Pos } from '../../store/stored-object.js';
import type { SubscriptionOwner } from '../registry/subscription-owner.js';
import type { UserUsage } from '../registry/user-usages.js';
import type { QuerySubscription } from './query-subscription.js';

/** What a group needs from the feed. */
export interface QueryGroupOwner<Group> {
  /** Whether the group may keep this many more rows (rule LIM11). */
  makeRoomForRows(group: Group, more: number): boolean;
  /** While all subscriptions of the group end, its rows do not count. */
  ending(group: Group, ending: boolean): void;
  /** It has to receive all changes of this object, which is, or may come to be, among its rows. */
  track(group: Group, r: string): void;
  untrack(group: Group, r: string): void;
  /** The group has so many more rows than before. */
  countRows(group: Group, more: number): void;
  /** While the group reads its rows, it has to receive all changes. */
  loading(group: Group, loading: boolean): void;
  /** Ends subscriptions with a `failed` push, one after the other. */
  failing(cause: unknown): (subscription: QuerySubscription) => void;
  /** Runs a store read when the limiter allows: those of one user take turns. Rejects as the read does. */
  schedule<T>(usage: UserUsage | undefined, read: () => Promise<T>): DroppableTask<T>;
  /** Every change up to here was dispatched. */
  readonly through: Pos;
  /** The group has no subscribers and no pending joins. */
  onEmpty(group: Group): void;
}

/** The window at the moment of a join. */
export interface WindowSnapshot {
  readonly hits: readonly Hit[];
  readonly pos: Pos;
  /** Writes up to here, made during the read, may be included. */
  readonly exactFrom: Pos;
}

/** Exactly one of the two callbacks is called, once. */
export interface JoinRequest {
  readonly session: SubscriptionOwner;
  /** Called synchronously when the group's rows become those of `found`. */
  readonly resolve: (found: WindowSnapshot) => void;
  readonly reject: (error: unknown) => void;
}
