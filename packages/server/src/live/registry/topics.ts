import type { CompactMap } from './compact-map.js';

interface Topic {
  readonly r: string;
  readonly groups: CompactMap<{ readonly key: string }>;
  retainCount: number;
}

interface GroupedSubscription<T> {
  readonly group: {
    readonly topic: T;
    readonly key: string;
    readonly isEmpty: boolean;
  };
}

/** The topics of one kind by R. A topic exists while it has subscriptions or is retained. */
export class Topics<T extends Topic> {
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
    let topic = this.#byR.get(r);
    if (!topic) {
      topic = make();
      this.#byR.set(r, topic);
    }
    topic.retainCount += 1;
    return topic;
  }

  release(topic: T): void {
    topic.retainCount -= 1;
    this.#removeIfEmpty(topic);
  }

  /** Removes a subscription from its group, and the topic when its last subscription leaves. */
  detach<S extends GroupedSubscription<T>>(
    subscription: S & { readonly group: { remove(subscription: S): void } },
  ): void {
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
