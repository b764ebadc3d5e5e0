import { fail } from '@really/protocol';
import type { Model } from '../../model/model.js';
import type { DroppableTask } from '../../platform/scheduling/fair-limiter.js';
import type { CommittedChange, Pos } from '../../store/stored-object.js';
import type { LogFollower } from '../catch-up/log-cursor.js';
import { collectionsAround } from '../collection/collection-subscription.js';
import type { WindowShare } from '../live-budget.js';
import type { LiveContext } from '../live-context.js';
import type { SubscriptionRegistry } from '../registry/subscription-registry.js';
import type { UserUsage } from '../registry/user-usages.js';
import { ChangeDispatcher, type FeedEvent } from './change-dispatcher.js';
import { QueryGroup } from './query-group.js';
import type { QueryGroupOwner } from './query-group-owner.js';
import type { QueryGroupTraits } from './query-group-traits.js';
import type { QuerySubscription } from './query-subscription.js';
import { QueryTopic } from './query-topic.js';

const noGroups: readonly QueryGroup[] = [];

/** Dispatches changes from the bus to the query groups they may concern. */
export class QueryFeed implements QueryGroupOwner<QueryGroup>, LogFollower {
  readonly #context: LiveContext;
  readonly #registry: SubscriptionRegistry;
  readonly #topics = new Map<string, QueryTopic>();
  readonly #dispatcher: ChangeDispatcher;
  #groups = 0;
  /** Those counted: of groups that are not ending. */
  #rows = 0;
  readonly #ending = new Set<QueryGroup>();

  constructor(context: LiveContext, registry: SubscriptionRegistry) {
    this.#context = context;
    this.#registry = registry;
    const target = {
      affectedGroups: (event: FeedEvent) => this.#affectedGroups(event),
      isActive: (group: QueryGroup) => this.#topicOf(group) !== undefined,
    };
    this.#dispatcher = new ChangeDispatcher(target, context);
  }

  get groups(): number {
    return this.#groups;
  }

  /** Rows of all windows together. */
  get rows(): number {
    return this.#rows;
  }

  get through(): Pos {
    return this.#dispatcher.through;
  }

  /** If there is none, `LiveBudget` may evict the user with the most rows. */
  makeRoomForRows(group: QueryGroup, more: number): boolean {
    if (this.#hasRoomForRows(more)) return true;
    const users = group.users({ isJoining: true });
    this.#context.budget.evictLargest('rows', { users, more, error: fail.rateLimited() });
    return this.#hasRoomForRows(more);
  }

  #hasRoomForRows(more: number): boolean {
    return this.#rows + more <= this.#context.limits.queryRows;
  }

  /** What each user has of the windows. Who is about to join one has none of its rows yet. */
  shares(): Map<UserUsage, WindowShare> {
    const shares = new Map<UserUsage, WindowShare>();
    const add = (user: UserUsage, { work, bytes, rows }: WindowShare, parts: number) => {
      const share = shares.get(user) ?? { work: 0, bytes: 0, rows: 0 };
      shares.set(user, {
        work: share.work + work / parts,
        bytes: share.bytes + bytes / parts,
        rows: share.rows + rows / parts,
      });
    };
    for (const group of this.#allGroups()) {
      const all = group.users({ isJoining: true });
      for (const user of all) add(user, { ...group.traits.cost, rows: 0 }, all.size);
      const users = group.users({ isJoining: false });
      const { size: rows } = group.window;
      for (const user of users) add(user, { work: 0, bytes: 0, rows }, users.size);
    }
    return shares;
  }

  *#allGroups(): Iterable<QueryGroup> {
    for (const { groups } of this.#topics.values()) yield* groups.values();
  }

  /**
   * Returns the group with these traits, creating it if needed. It is removed when it has no
   * subscribers and no joins. Throws 429 (rule LIM17). `usage`: of who asks for it.
   */
  group(traits: QueryGroupTraits, model: Model, usage: UserUsage): QueryGroup {
    const known = this.#topics.get(traits.r)?.groups.get(traits.key);
    if (known) return known;
    this.#context.budget.acquireWindow(traits.cost, usage);
    // Read only now: acquiring may have evicted groups of this topic.
    let topic = this.#topics.get(traits.r);
    if (!topic) {
      topic = new QueryTopic(traits.r);
      this.#topics.set(traits.r, topic);
    }
    const group = new QueryGroup(this.#context, { owner: this, model }, traits);
    topic.add(group);
    this.#groups += 1;
    return group;
  }

  /** Queued behind waiting changes; it concerns no object. */
  skip(pos: Pos): void {
    this.#dispatcher.dispatch({ pos, change: undefined, isNoop: true });
  }

  miss(_after: Pos, pos: Pos): void {
    if (this.#groups > 0) this.#context.metrics.gaps.add();
    this.#dispatcher.dispatch({ pos, change: undefined });
  }

  receive(change: CommittedChange): void {
    this.#dispatcher.dispatch({ pos: change.pos, change });
  }

  #affectedGroups({ change, isNoop }: FeedEvent): Iterable<QueryGroup | undefined> {
    if (isNoop || this.#topics.size === 0) return noGroups;
    if (!change) return [...this.#allGroups()];
    let found: Iterable<QueryGroup | undefined> | undefined;
    for (const r of collectionsAround(change.r)) {
      const groups = this.#topics.get(r)?.affectedGroups(change);
      if (groups) found = found ? allOf(found, groups) : groups;
    }
    return found ?? noGroups;
  }

  /** The models of these collections were replaced: their queries get new groups. */
  retire(collections: ReadonlySet<string>): void {
    for (const group of [...this.#allGroups()]) {
      if (!collections.has(group.traits.scope.names.join('/'))) continue;
      this.#forget(group);
      group.retire();
    }
  }

  /** Reads of one uid are limited together, so that no user has the store to itself. */
  schedule<T>(usage: UserUsage | undefined, read: () => Promise<T>): DroppableTask<T> {
    return this.#context.limiter.scheduleDroppable(usage ?? this, read, usage?.owner);
  }

  track(group: QueryGroup, r: string): void {
    this.#topicOf(group)?.track(group, r);
  }

  untrack(group: QueryGroup, r: string): void {
    this.#topicOf(group)?.untrack(group, r);
  }

  countRows(group: QueryGroup, more: number): void {
    if (this.#topicOf(group) && !this.#ending.has(group)) this.#rows += more;
  }

  ending(group: QueryGroup, ending: boolean): void {
    if (!this.#topicOf(group) || this.#ending.has(group) === ending) return;
    if (ending) this.#ending.add(group);
    else this.#ending.delete(group);
    this.#rows += ending ? -group.window.size : group.window.size;
  }

  loading(group: QueryGroup, loading: boolean): void {
    this.#topicOf(group)?.setLoading(group, loading);
  }

  failing(cause: unknown): (subscription: QuerySubscription) => void {
    return this.#registry.failing(cause);
  }

  onEmpty(group: QueryGroup): void {
    if (this.#topicOf(group)) this.#forget(group);
  }

  #forget(group: QueryGroup): void {
    const topic = this.#topicOf(group);
    if (!topic) return;
    topic.delete(group);
    this.#context.budget.releaseWindow(group.traits.cost);
    this.#groups -= 1;
    if (!this.#ending.delete(group)) this.#rows -= group.window.size;
    if (topic.groups.size === 0) this.#topics.delete(topic.r);
  }

  /** `undefined` if the group was removed or retired. */
  #topicOf(group: QueryGroup): QueryTopic | undefined {
    const topic = this.#topics.get(group.traits.r);
    return topic?.groups.get(group.traits.key) === group ? topic : undefined;
  }
}

function* allOf<T>(first: Iterable<T>, second: Iterable<T>): Iterable<T> {
  yield* first;
  yield* second;
}
