import type { Model } from '../model/model.js';
import type { CommittedChange, Pos } from '../store/store.js';
import type { Activity } from './activity.js';
import { collectionsAround } from './collection-topic.js';
import type { LiveContext } from './live-context.js';
import type { Members } from './members.js';
import { type GroupOwner, type GroupTraits, QueryGroup } from './query-group.js';
import { type Offer, QueryOffers } from './query-offers.js';
import type { QuerySubscription } from './query-subscription.js';
import { QueryTopic } from './query-topic.js';
import type { Turns } from './turns.js';

const noGroups: readonly QueryGroup[] = [];

/** Takes changes from the bus to the queries that they may concern. */
export class QueryFeed implements GroupOwner {
  readonly #context: LiveContext;
  readonly #activity: Activity;
  readonly #members: Members;
  readonly #turns: Turns;
  readonly #topics = new Map<string, QueryTopic>();
  readonly #offers: QueryOffers;
  /** Every change up to here was seen on the bus, or is known to be missed. */
  #received: Pos | undefined;
  /** Every change up to here was offered to the groups that it may concern. */
  #through: Pos | undefined;
  #groups = 0;
  #rows = 0;

  constructor(context: LiveContext, parts: { activity: Activity; members: Members; turns: Turns }) {
    this.#context = context;
    this.#activity = parts.activity;
    this.#members = parts.members;
    this.#turns = parts.turns;
    const taker = {
      concerned: (offer: Offer) => this.#concerned(offer),
      isThere: (group: QueryGroup) => this.#topicOf(group) !== undefined,
      done: (pos: Pos) => {
        this.#through = pos;
      },
    };
    this.#offers = new QueryOffers(taker, { slice: context.slice, activity: parts.activity });
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

  /** Changes that wait to be offered. */
  get offersWaiting(): number {
    return this.#offers.waiting;
  }

  /** The group of these traits, made where there is none. It goes when nobody sits in it or joins it. Throws 429 (rule LIM17). */
  group(traits: GroupTraits, model: Model): QueryGroup {
    const known = this.#topics.get(traits.r)?.groups.get(traits.key);
    if (known) return known;
    const { shares, budget } = this.#context;
    budget.takeWindow(traits.price, shares.find(traits.auth.uid));
    // Somebody else may have had to give way.
    let topic = this.#topics.get(traits.r);
    if (!topic) {
      topic = new QueryTopic(traits.r);
      this.#topics.set(traits.r, topic);
    }
    const parts = { activity: this.#activity, owner: this, model };
    const group = new QueryGroup(this.#context, parts, traits);
    topic.add(group);
    this.#groups += 1;
    return group;
  }

  /** The store is at this position: where nothing was heard on the bus yet, it counts from here. */
  beginAt(pos: Pos): void {
    this.#received ??= pos;
    this.#through ??= pos;
  }

  /** This position is no change's: a new version of a model took it. */
  passed(pos: Pos): void {
    if (this.#received !== pos - 1) return;
    this.#received = pos;
    // In its turn, where others wait. There is no object that it could be about.
    this.#offers.take({ pos, change: undefined, isNothing: true });
  }

  /** The store is at this position: what has not been heard up to here was missed. */
  announce(pos: Pos): void {
    const before = this.#received ?? 0;
    if (pos <= before) return;
    this.#received = pos;
    if (this.#groups > 0) this.#context.metrics.gaps.add();
    this.#offers.take({ pos, change: undefined });
  }

  offer(change: CommittedChange): void {
    const { pos } = change;
    const before = this.#received;
    if (before !== undefined && pos <= before) return;
    if (before === undefined || pos > before + 1) this.announce(pos - 1);
    this.#received = pos;
    if (this.#groups === 0 && this.#offers.isIdle) this.#through = pos;
    else this.#offers.take({ pos, change });
  }

  #concerned({ change, isNothing }: Offer): Iterable<QueryGroup> {
    if (isNothing || this.#topics.size === 0) return noGroups;
    if (!change) return [...this.#topics.values()].flatMap(({ groups }) => [...groups.values()]);
    const found = collectionsAround(change.r).flatMap((r) => this.#topics.get(r) ?? []);
    const [first, ...others] = found.map((topic) => topic.concerned(change));
    return others.length === 0
      ? (first ?? noGroups)
      : [first ?? noGroups, ...others].flatMap((some) => [...some]);
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

  /** Those who read for the same uid wait for one another, so that nobody has the store to itself. */
  inTurn<T>(group: QueryGroup, read: () => Promise<T>): Promise<T> {
    const owner = this.#context.shares.find(group.traits.auth.uid) ?? group;
    return new Promise((resolve, reject) => {
      this.#turns.run(owner, async () => {
        try {
          resolve(await read());
        } catch (error) {
          reject(error);
        }
      });
    });
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
    this.#context.budget.giveBackWindow(group.traits.price);
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
