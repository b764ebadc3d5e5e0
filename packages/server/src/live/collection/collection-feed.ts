import { fail } from '@really/protocol';
import type { Created } from '../../store/store-reads.js';
import type { CommittedChange, Pos } from '../../store/stored-object.js';
import type { LogFollower } from '../catch-up/log-cursor.js';
import { readWithRetry } from '../catch-up/read-with-retry.js';
import { runBacklog } from '../catch-up/run-steps.js';
import type { LiveContext } from '../live-context.js';
import type { SubscriptionRegistry } from '../registry/subscription-registry.js';
import type { Topics } from '../registry/topics.js';
import { type CollectionDelivery, creationOf } from './collection-delivery.js';
import {
  type CollectionBacklog,
  type CollectionTopic,
  collectionsAround,
} from './collection-subscription.js';

/** Creations queued while earlier ones are delivered; beyond this, they are read from the store. */
const maxQueueLength = 64;

/** Creations per read. */
export const creationPage = 32;

interface CollectionFeedDeps {
  readonly topics: Topics<CollectionTopic>;
  readonly delivery: CollectionDelivery;
  readonly registry: SubscriptionRegistry;
}

/** Applies creations from the bus in the order of their positions. Gaps are read from the store. */
export class CollectionFeed implements LogFollower {
  readonly #context: LiveContext;
  readonly #deps: CollectionFeedDeps;

  constructor(context: LiveContext, deps: CollectionFeedDeps) {
    this.#context = context;
    this.#deps = deps;
  }

  /** Records the gap in the topics it may concern. */
  miss(after: Pos): void {
    for (const topic of this.#deps.topics.all()) this.#recordGap(topic, after);
  }

  receive(change: CommittedChange): void {
    if (change.type !== 'create' || this.#deps.topics.size === 0) return;
    for (const r of collectionsAround(change.r)) {
      const topic = this.#deps.topics.find(r);
      if (topic) this.#receiveCreation(topic, change);
    }
  }

  #receiveCreation(topic: CollectionTopic, change: CommittedChange): void {
    if (topic.backlog) {
      enqueue(topic.backlog, change);
      return;
    }
    const pending = this.#apply(topic, change);
    if (pending) this.#startWorker(topic, pending, { queue: [], gapAfter: undefined });
  }

  #apply(topic: CollectionTopic, change: CommittedChange): Promise<void> | undefined {
    if (change.pos <= topic.appliedPos) return undefined;
    topic.appliedPos = change.pos;
    try {
      return this.#context.slice.run(this.#deps.delivery.deliver(topic, creationOf(change)));
    } catch (error) {
      this.#failLive(topic, error);
      return undefined;
    }
  }

  #recordGap(topic: CollectionTopic, after: Pos): void {
    if (topic.backlog) topic.backlog.gapAfter ??= after;
    else if (topic.isEmpty) this.#skip(topic);
    else this.#startWorker(topic, undefined, { queue: [], gapAfter: after });
  }

  /** No subscribers: a new one reads all of this from the store. */
  #skip(topic: CollectionTopic): void {
    topic.appliedPos = Math.max(topic.appliedPos, this.#context.cursor.received);
  }

  #startWorker(
    topic: CollectionTopic,
    first: Promise<void> | undefined,
    backlog: CollectionBacklog,
  ): void {
    void runBacklog(this.#context.inFlight, topic, backlog, {
      first,
      next: () => this.#next(topic, backlog),
      onError: (error) => this.#failLive(topic, error),
    });
  }

  #next(topic: CollectionTopic, backlog: CollectionBacklog): Promise<void> | undefined {
    for (let change = backlog.queue.shift(); change; change = backlog.queue.shift()) {
      const pending = this.#apply(topic, change);
      if (pending) return pending;
    }
    const { gapAfter } = backlog;
    return gapAfter === undefined ? undefined : this.#fillGap(topic, backlog, gapAfter);
  }

  /** Reads until it reaches the bus, a page in each turn: after that the bus is complete again. */
  async #fillGap(topic: CollectionTopic, backlog: CollectionBacklog, after: Pos): Promise<void> {
    const { limiter, metrics, cursor } = this.#context;
    metrics.gaps.add();
    try {
      for (let at = after; !topic.isEmpty; ) {
        const from = at;
        const page = await limiter.schedule(this, () => this.#deliverNext(topic, from));
        at = page.through;
        if (!page.more && at >= cursor.received) break;
      }
    } catch (error) {
      this.#failLive(topic, error);
    }
    if (topic.isEmpty) this.#skip(topic);
    backlog.gapAfter = undefined;
  }

  async #deliverNext(topic: CollectionTopic, after: Pos): Promise<Created> {
    const { store, platform, slice } = this.#context;
    const page = await readWithRetry(platform, () => {
      return store.created(topic.scope, after, creationPage);
    });
    if (page.gone) throw fail('position.gone');
    for (const entry of page.entries) {
      topic.appliedPos = Math.max(topic.appliedPos, entry.pos);
      await slice.run(this.#deps.delivery.deliver(topic, creationOf(entry)));
    }
    return page;
  }

  #failLive(topic: CollectionTopic, error: unknown): void {
    const live = topic.subscriptions().filter(({ progress }) => progress === 'live');
    this.#deps.registry.fail(live, error);
  }
}

/** During a gap, new creations are read from the store too, in order. */
function enqueue(backlog: CollectionBacklog, change: CommittedChange): void {
  if (backlog.gapAfter !== undefined) return;
  if (backlog.queue.length < maxQueueLength) backlog.queue.push(change);
  else backlog.gapAfter = change.pos - 1;
}
