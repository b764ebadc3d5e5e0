import type { Model } from '../model/model.js';
import type { CommittedChange, Pos } from '../store/store.js';
import type { Activity } from './activity.js';
import { collectionsAround } from './collection-topic.js';
import type { LiveContext } from './live-context.js';
import type { Members } from './members.js';
import { type GroupOwner, type GroupTraits, QueryGroup } from './query-group.js';
import type { QuerySubscription } from './query-subscription.js';
import { QueryTopic } from './query-topic.js';

/** Takes changes from the bus to the queries that they may concern. */
export class QueryFeed implements GroupOwner {
  readonly #context: LiveContext;
  readonly #activity: Activity;
  readonly #members: Members;
  readonly #topics = new Map<string, QueryTopic>();
  /** Every change up to here was seen on the bus, or is known to be missed. */
  #through: Pos | undefined;
  #groups = 0;
  #rows = 0;

  constructor(context: LiveContext, parts: { activity: Activity; members: Members }) {
    this.#context = context;
    this.#activity = parts.activity;
    this.#members = parts.members;
  }

  get groups(): number {
    return this.#groups;
  }

  /** Objects in the windows, once for each that they are in. */
  get rows(): number {
    return this.#rows;
  }

  get through(): Pos {
    return this.#through ?? 0;
  }

  hasRoomFor(more: number): boolean {
    return this.#rows + more <= this.#context.limits.queryRows;
  }

  /** The group of these traits, made where there is none. It goes when nobody sits in it or joins it. */
  group(traits: GroupTraits, model: Model): QueryGroup {
    let topic = this.#topics.get(traits.r);
    if (!topic) {
      topic = new QueryTopic(traits.r);
      this.#topics.set(traits.r, topic);
    }
    const known = topic.groups.get(traits.key);
    if (known) return known;
    const parts = { activity: this.#activity, owner: this, model };
    const group = new QueryGroup(this.#context, parts, traits);
    topic.add(group);
    this.#groups += 1;
    return group;
  }

  /** The store is at this position: where nothing was heard on the bus yet, it counts from here. */
  beginAt(pos: Pos): void {
    this.#through ??= pos;
  }

  /** This position is no change's: a new version of a model took it. */
  passed(pos: Pos): void {
    if (this.#through === pos - 1) this.#through = pos;
  }

  /** The store is at this position: what has not been heard up to here was missed. */
  announce(pos: Pos): void {
    const before = this.#through ?? 0;
    if (pos <= before) return;
    this.#through = pos;
    if (this.#groups === 0) return;
    this.#context.metrics.gaps.add();
    for (const topic of this.#topics.values()) {
      for (const group of topic.groups.values()) group.refresh();
    }
  }

  offer(change: CommittedChange): void {
    const { pos } = change;
    const before = this.#through;
    if (before !== undefined && pos <= before) return;
    if (before === undefined || pos > before + 1) this.announce(pos - 1);
    if (this.#topics.size > 0) {
      for (const r of collectionsAround(change.r)) this.#topics.get(r)?.offer(change);
    }
    this.#through = pos;
  }

  /** The models of these collections are not in force any more: their queries get other groups. */
  retire(collections: ReadonlySet<string>): void {
    const all = [...this.#topics.values()].flatMap(({ groups }) => [...groups.values()]);
    for (const group of all) {
      if (!collections.has(group.traits.scope.names.join('/'))) continue;
      this.#forget(group);
      group.retire();
    }
  }

  kept(group: QueryGroup, r: string): void {
    const topic = this.#topicOf(group);
    if (!topic) return;
    this.#rows += 1;
    topic.keep(group, r);
  }

  dropped(group: QueryGroup, r: string): void {
    const topic = this.#topicOf(group);
    if (!topic) return;
    this.#rows -= 1;
    topic.drop(group, r);
  }

  expected(group: QueryGroup, r: string): void {
    this.#topicOf(group)?.keep(group, r);
  }

  unexpected(group: QueryGroup, r: string): void {
    this.#topicOf(group)?.drop(group, r);
  }

  loading(group: QueryGroup, loading: boolean): void {
    this.#topicOf(group)?.setLoading(group, loading);
  }

  fail(subscriptions: readonly QuerySubscription[], cause: unknown): void {
    this.#members.fail(subscriptions, cause);
  }

  deserted(group: QueryGroup): void {
    if (this.#topicOf(group)) this.#forget(group);
  }

  #forget(group: QueryGroup): void {
    const topic = this.#topicOf(group);
    if (!topic) return;
    topic.delete(group);
    this.#groups -= 1;
    this.#rows -= group.window.size;
    if (topic.groups.size === 0) this.#topics.delete(topic.r);
  }

  /** `undefined` where it is forgotten, or retired. */
  #topicOf(group: QueryGroup): QueryTopic | undefined {
    const topic = this.#topics.get(group.traits.r);
    return topic?.groups.get(group.traits.key) === group ? topic : undefined;
  }
}
