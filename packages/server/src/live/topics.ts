import type { KeyedSet } from './keyed-set.js';

interface Topic {
  readonly r: string;
  readonly audiences: KeyedSet<{ readonly key: string }>;
  holds: number;
}

interface Leaver<T> {
  readonly audience: {
    readonly topic: T;
    readonly key: string;
    readonly isEmpty: boolean;
  };
}

/** The topics of one kind by R. A topic is there as long as somebody is subscribed to it, or about to be. */
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

  /** Keeps a topic in place until `release`, however empty it is. */
  hold(r: string, make: () => T): T {
    let topic = this.#byR.get(r);
    if (!topic) {
      topic = make();
      this.#byR.set(r, topic);
    }
    topic.holds += 1;
    return topic;
  }

  release(topic: T): void {
    topic.holds -= 1;
    this.#tidy(topic);
  }

  /** Takes a subscription out of its audience; who is the last one puts out the light. */
  leave<S extends Leaver<T>>(
    subscription: S & { readonly audience: { remove(subscription: S): void } },
  ): void {
    const { audience } = subscription;
    audience.remove(subscription);
    if (!audience.isEmpty) return;
    audience.topic.audiences.delete(audience);
    this.#tidy(audience.topic);
  }

  #tidy(topic: T): void {
    if (topic.holds > 0 || topic.audiences.size > 0) return;
    if (this.#byR.get(topic.r) === topic) this.#byR.delete(topic.r);
  }
}
