import { CompactMap } from './compact-map.js';
import {
  type GroupMember,
  SubscriberGroup,
  type SubscriberGroupTraits,
} from './subscriber-group.js';

/** What the topics of objects and collections have in common: their subscribers, in groups. */
export class GroupedTopic<M extends GroupMember> {
  /** The printed R, as subscribed. */
  readonly r: string;
  readonly groups = new CompactMap<SubscriberGroup<M, this>>();
  /** Subscribe requests that rely on what was applied so far. */
  retainCount = 0;

  constructor(r: string) {
    this.r = r;
  }

  get isEmpty(): boolean {
    return this.groups.size === 0;
  }

  /** A copy, safe to iterate while they end. */
  subscriptions(): M[] {
    return this.groups.values().flatMap(({ members }) => members);
  }

  group(traits: SubscriberGroupTraits): SubscriberGroup<M, this> {
    const known = this.groups.get(traits.key);
    if (known) return known;
    const group = new SubscriberGroup<M, this>(this, traits);
    this.groups.add(group);
    return group;
  }
}

/** The topics of one kind by R. A topic exists while it has subscriptions or is retained. */
export class Topics<T extends GroupedTopic<GroupMember>> {
  readonly #byR = new Map<string, T>();

  get size(): number {
    return this.#byR.size;
  }

  find(r: string): T | undefined {
    return this.#byR.get(r);
  }

  all(): T[] {
    return [...this.#byR.values()];
  }

  /** Returns the topic and keeps it until `release`, even if it is empty. */
  retain(r: string, make: () => T): T {
    const topic = this.#byR.get(r) ?? make();
    this.#byR.set(r, topic);
    topic.retainCount += 1;
    return topic;
  }

  release(topic: T): void {
    topic.retainCount -= 1;
    this.#removeIfEmpty(topic);
  }

  /** Removes a subscription from its group, and the topic when its last subscription leaves. */
  detach<S extends GroupMember & { readonly group: SubscriberGroup<S, T> }>(subscription: S): void {
    const { group } = subscription;
    group.remove(subscription);
    if (!group.isEmpty) return;
    group.topic.groups.delete(group);
    this.#removeIfEmpty(group.topic);
  }

  #removeIfEmpty(topic: T): void {
    if (topic.retainCount > 0 || topic.groups.size > 0) return;
    if (this.#byR.get(topic.r) === topic) this.#byR.delete(topic.r);
  }
}
