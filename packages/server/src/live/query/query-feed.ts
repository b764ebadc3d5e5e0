import type { Model } from '../../model/model.js';
import type { CommittedChange, Pos } from '../../store/store.js';
import type { FairLimiter } from '../catch-up/fair-limiter.js';
import type { InFlight } from '../catch-up/in-flight.js';
import { collectionsAround } from '../collection/collection-subscription.js';
import type { LiveContext } from '../live-context.js';
import type { SubscriptionRegistry } from '../registry/subscription-registry.js';
import { ChangeDispatcher, type FeedEvent } from './change-dispatcher.js';
import { QueryGroup, type QueryGroupOwner } from './query-group.js';
import type { QueryGroupTraits } from './query-group-traits.js';
import type { QuerySubscription } from './query-subscription.js';
import { QueryTopic } from './query-topic.js';

const noGroups: readonly QueryGroup[] = [];

/** Dispatches changes from the bus to the query groups they may concern. */
export class QueryFeed implements QueryGroupOwner {
  readonly #context: LiveContext;
  readonly #inFlight: InFlight;
  readonly #registry: SubscriptionRegistry;
  readonly #limiter: FairLimiter;
  readonly #topics = new Map<string, QueryTopic>();
  readonly #dispatcher: ChangeDispatcher;
  /** Every change up to here was received from the bus, or is known to be missing. */
  #received: Pos | undefined;
  /** Every change up to here was dispatched. */
  #through: Pos | undefined;
  #groups = 0;
  #rows = 0;

  constructor(
    context: LiveContext,
    deps: { inFlight: InFlight; registry: SubscriptionRegistry; limiter: FairLimiter },
  ) {
    this.#context = context;
    this.#inFlight = deps.inFlight;
    this.#registry = deps.registry;
    this.#limiter = deps.limiter;
    const target = {
      affectedGroups: (event: FeedEvent) => this.#affectedGroups(event),
      isActive: (group: QueryGroup) => this.#topicOf(group) !== undefined,
      onDispatched: (pos: Pos) => {
        this.#through = pos;
      },
    };
    this.#dispatcher = new ChangeDispatcher(target, {
      slice: context.slice,
      inFlight: deps.inFlight,
    });
  }

  get groups(): number {
    return this.#groups;
  }

  /** Rows of all windows together. */
  get rows(): number {
    return this.#rows;
  }

  get through(): Pos {
    return this.#through ?? 0;
  }

  hasRoomForRows(more: number): boolean {
    return this.#rows + more <= this.#context.limits.queryRows;
  }

  /** Changes that wait for the dispatcher. */
  get queuedEvents(): number {
    return this.#dispatcher.waiting;
  }

  /**
   * Returns the group with these traits, creating it if needed. It is removed when it has no
   * subscribers and no joins. Throws 429 (rule LIM17).
   */
  group(traits: QueryGroupTraits, model: Model): QueryGroup {
    const known = this.#topics.get(traits.r)?.groups.get(traits.key);
    if (known) return known;
    const { usages, budget } = this.#context;
    budget.acquireWindow(traits.cost, usages.find(traits.auth.uid));
    // Read only now: acquiring may have evicted groups of this topic.
    let topic = this.#topics.get(traits.r);
    if (!topic) {
      topic = new QueryTopic(traits.r);
      this.#topics.set(traits.r, topic);
    }
    const deps = { inFlight: this.#inFlight, owner: this, model };
    const group = new QueryGroup(this.#context, deps, traits);
    topic.add(group);
    this.#groups += 1;
    return group;
  }

  /** Sets the position from which gaps are detected, if nothing was received yet. */
  beginAt(pos: Pos): void {
    this.#received ??= pos;
    this.#through ??= pos;
  }

  /** This position belongs to a new version of a model, not to a change. */
  skipPosition(pos: Pos): void {
    if (this.#received !== pos - 1) return;
    this.#received = pos;
    // Queued behind waiting events; it concerns no object.
    this.#dispatcher.dispatch({ pos, change: undefined, isNoop: true });
  }

  /** The store is at this position: records a gap if later than what was received. */
  observe(pos: Pos): void {
    const before = this.#received ?? 0;
    if (pos <= before) return;
    this.#received = pos;
    if (this.#groups > 0) this.#context.metrics.gaps.add();
    this.#dispatcher.dispatch({ pos, change: undefined });
  }

  receive(change: CommittedChange): void {
    const { pos } = change;
    const before = this.#received;
    if (before !== undefined && pos <= before) return;
    if (before === undefined || pos > before + 1) this.observe(pos - 1);
    this.#received = pos;
    if (this.#groups === 0 && this.#dispatcher.isIdle) this.#through = pos;
    else this.#dispatcher.dispatch({ pos, change });
  }

  #affectedGroups({ change, isNoop }: FeedEvent): Iterable<QueryGroup> {
    if (isNoop || this.#topics.size === 0) return noGroups;
    if (!change) return [...this.#topics.values()].flatMap(({ groups }) => [...groups.values()]);
    const found = collectionsAround(change.r).flatMap((r) => this.#topics.get(r) ?? []);
    const [first, ...others] = found.map((topic) => topic.affectedGroups(change));
    return others.length === 0
      ? (first ?? noGroups)
      : [first ?? noGroups, ...others].flatMap((some) => [...some]);
  }

  /** The models of these collections were replaced: their queries get new groups. */
  retire(collections: ReadonlySet<string>): void {
    const all = [...this.#topics.values()].flatMap(({ groups }) => [...groups.values()]);
    for (const group of all) {
      if (!collections.has(group.traits.scope.names.join('/'))) continue;
      this.#forget(group);
      group.retire();
    }
  }

  /** Reads of one uid are limited together, so that no user has the store to itself. */
  schedule<T>(group: QueryGroup, read: () => Promise<T>): Promise<T> {
    const owner = this.#context.usages.find(group.traits.auth.uid) ?? group;
    return new Promise((resolve, reject) => {
      this.#limiter.run(owner, async () => {
        try {
          resolve(await read());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  rowAdded(group: QueryGroup, r: string): void {
    const topic = this.#topicOf(group);
    if (!topic) return;
    this.#rows += 1;
    topic.track(group, r);
  }

  rowRemoved(group: QueryGroup, r: string): void {
    const topic = this.#topicOf(group);
    if (!topic) return;
    this.#rows -= 1;
    topic.untrack(group, r);
  }

  rowExpected(group: QueryGroup, r: string): void {
    this.#topicOf(group)?.track(group, r);
  }

  rowUnexpected(group: QueryGroup, r: string): void {
    this.#topicOf(group)?.untrack(group, r);
  }

  loading(group: QueryGroup, loading: boolean): void {
    this.#topicOf(group)?.setLoading(group, loading);
  }

  fail(subscriptions: readonly QuerySubscription[], cause: unknown): void {
    this.#registry.fail(subscriptions, cause);
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
    this.#rows -= group.window.size;
    if (topic.groups.size === 0) this.#topics.delete(topic.r);
  }

  /** `undefined` if the group was removed or retired. */
  #topicOf(group: QueryGroup): QueryTopic | undefined {
    const topic = this.#topics.get(group.traits.r);
    return topic?.groups.get(group.traits.key) === group ? topic : undefined;
  }
}
