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

/**
 * Queued creations per collection while earlier ones are delivered; beyond this, they are read from
 * the store.
 */
const maxQueueLength = 64;

/** Creations per read. */
export const creationPage = 32;

/**
 * Applies creations from the bus in the order of their positions. Positions are consecutive, so a
 * gap shows that the bus left something out; it is then read from the store.
 */
export class CollectionFeed {
  readonly #context: LiveContext;
  readonly #topics: Topics<CollectionTopic>;
  readonly #delivery: CollectionDelivery;
  readonly #registry: SubscriptionRegistry;
  readonly #limiter: FairLimiter;
  readonly #inFlight: InFlight;
  /**
   * Every change up to here was received from the bus, or is recorded as a gap of the topics it may
   * concern.
   */
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

  /** Sets the position from which gaps are detected, if nothing was received yet. */
  beginAt(pos: Pos): void {
    this.#through ??= pos;
  }

  /** This position belongs to a new version of a model, not to a change. */
  skipPosition(pos: Pos): void {
    if (this.#through === pos - 1) this.#through = pos;
  }

  /** The store is at this position: records a gap if later than what was received. */
  observe(pos: Pos): void {
    const before = this.#through ?? 0;
    if (pos <= before) return;
    this.#through = pos;
    for (const topic of this.#topics.all()) this.#recordGap(topic, before);
  }

  /** Call for every change, since each has a position. */
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

  /** No subscribers: a new one reads all of this from the store. */
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

  /** Never rejects. Nothing can be enqueued between its last look at the queue and its end. */
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

  /** Reads until it reaches the bus; after that the bus is complete again. */
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

/** During a gap, new creations are read from the store too, in order. */
function enqueue(backlog: CollectionBacklog, change: CommittedChange): void {
  if (backlog.gapAfter !== undefined) return;
  if (backlog.queue.length < maxQueueLength) backlog.queue.push(change);
  else backlog.gapAfter = change.pos - 1;
}
