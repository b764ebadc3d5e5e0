import { fail } from '@really/protocol';
import type { CommittedChange, Pos } from '../../store/store.js';
import type { FairLimiter } from '../catch-up/fair-limiter.js';
import type { InFlight } from '../catch-up/in-flight.js';
import { readWithRetry } from '../catch-up/read-with-retry.js';
import type { LiveContext } from '../live-context.js';
import type { SubscriptionRegistry } from '../registry/subscription-registry.js';
import type { Topics } from '../registry/topics.js';
import { type CollectionDelivery, creationOf } from './collection-delivery.js';
import {
  type CollectionBacklog,
  type CollectionTopic,
  collectionsAround,
} from './collection-subscription.js';

/** Creations in one collection that wait while the ones before are told; beyond that the store has to remember them. */
const maxQueueLength = 64;

/** Creations read at once. */
export const creationPage = 32;

/**
 * Takes creations from the bus and has them told in the order of their positions. Positions of changes
 * follow on one another, so a hole shows that the bus left something out; then the store is asked.
 */
export class CollectionFeed {
  readonly #context: LiveContext;
  readonly #topics: Topics<CollectionTopic>;
  readonly #delivery: CollectionDelivery;
  readonly #registry: SubscriptionRegistry;
  readonly #limiter: FairLimiter;
  readonly #inFlight: InFlight;
  /** Every change up to here was seen on the bus, or is known to be missed by the topics that it may concern. */
  #through: Pos | undefined;

  constructor(
    context: LiveContext,
    deps: {
      topics: Topics<CollectionTopic>;
      delivery: CollectionDelivery;
      registry: SubscriptionRegistry;
      limiter: FairLimiter;
      inFlight: InFlight;
    },
  ) {
    this.#context = context;
    this.#topics = deps.topics;
    this.#delivery = deps.delivery;
    this.#registry = deps.registry;
    this.#limiter = deps.limiter;
    this.#inFlight = deps.inFlight;
  }

  /** The store is at this position: where nothing was heard on the bus yet, it counts from here. */
  beginAt(pos: Pos): void {
    this.#through ??= pos;
  }

  /** This position is no change's: a new version of a model took it. */
  skipPosition(pos: Pos): void {
    if (this.#through === pos - 1) this.#through = pos;
  }

  /** The store is at this position: what has not been heard up to here was missed. */
  observe(pos: Pos): void {
    const before = this.#through ?? 0;
    if (pos <= before) return;
    this.#through = pos;
    for (const topic of this.#topics.all()) this.#recordGap(topic, before);
  }

  /** Takes any change, since each has a position. */
  receive(change: CommittedChange): void {
    const { pos } = change;
    const before = this.#through;
    if (before !== undefined && pos <= before) return;
    if (before === undefined || pos > before + 1) this.observe(pos - 1);
    this.#through = pos;
    if (change.type !== 'create' || this.#topics.size === 0) return;
    for (const r of collectionsAround(change.r)) {
      const topic = this.#topics.find(r);
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
      const pending = this.#delivery.deliver(topic, creationOf(change));
      return pending?.catch((error: unknown) => this.#failLive(topic, error));
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

  /** Nobody listens yet; who begins to has to ask the store for all of this. */
  #skip(topic: CollectionTopic): void {
    topic.appliedPos = Math.max(topic.appliedPos, this.#through ?? 0);
  }

  #startWorker(
    topic: CollectionTopic,
    first: Promise<void> | undefined,
    backlog: CollectionBacklog,
  ): void {
    topic.backlog = backlog;
    this.#inFlight.begin();
    void this.#drain(topic, first, backlog);
  }

  /** Never rejects. Between its last look at the queue and its end nothing can come into it. */
  async #drain(
    topic: CollectionTopic,
    first: Promise<void> | undefined,
    backlog: CollectionBacklog,
  ): Promise<void> {
    await first;
    for (;;) {
      const next = backlog.queue.shift();
      if (next) await this.#apply(topic, next);
      else if (backlog.gapAfter !== undefined)
        await this.#fillGap(topic, backlog, backlog.gapAfter);
      else break;
    }
    topic.backlog = undefined;
    this.#inFlight.end();
  }

  /** Never rejects. */
  async #fillGap(topic: CollectionTopic, backlog: CollectionBacklog, after: Pos): Promise<void> {
    this.#context.metrics.gaps.add();
    await new Promise<void>((resolve) => {
      this.#limiter.run(this, () => this.#deliverMissed(topic, backlog, after).finally(resolve));
    });
  }

  /** Goes on until it stands where the bus does: from that moment on nothing is missed any more. */
  async #deliverMissed(
    topic: CollectionTopic,
    backlog: CollectionBacklog,
    after: Pos,
  ): Promise<void> {
    const { store, platform } = this.#context;
    try {
      for (let at = after; !topic.isEmpty; ) {
        const from = at;
        const page = await readWithRetry(platform, () => {
          return store.created(topic.scope, from, creationPage);
        });
        if (page.gone) throw fail('position.gone');
        for (const entry of page.entries) {
          topic.appliedPos = Math.max(topic.appliedPos, entry.pos);
          await this.#delivery.deliver(topic, creationOf(entry));
        }
        at = page.through;
        if (page.entries.length < creationPage && at >= (this.#through ?? 0)) break;
      }
    } catch (error) {
      this.#failLive(topic, error);
    }
    if (topic.isEmpty) this.#skip(topic);
    backlog.gapAfter = undefined;
  }

  #failLive(topic: CollectionTopic, error: unknown): void {
    const live = topic.groups.values().flatMap(({ members }) => {
      return members.filter((subscription) => subscription.progress === 'live');
    });
    this.#registry.fail(live, error);
  }
}

/** While something is missing, what comes is in the store as well, and is read from there in order. */
function enqueue(backlog: CollectionBacklog, change: CommittedChange): void {
  if (backlog.gapAfter !== undefined) return;
  if (backlog.queue.length < maxQueueLength) backlog.queue.push(change);
  else backlog.gapAfter = change.pos - 1;
}
