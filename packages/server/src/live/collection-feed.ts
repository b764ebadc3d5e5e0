import { fail } from '@really/protocol';
import type { CommittedChange, Pos } from '../store/store.js';
import type { Activity } from './activity.js';
import { type CollectionDelivery, creationOf } from './collection-delivery.js';
import {
  type CollectionTopic,
  type CollectionWork,
  collectionsAround,
} from './collection-topic.js';
import type { LiveContext } from './live-context.js';
import type { Members } from './members.js';
import { readWithRetry } from './store-retry.js';
import type { Topics } from './topics.js';
import type { Turns } from './turns.js';

/** Creations in one collection that wait while the ones before are told; beyond that the store has to remember them. */
const longestQueue = 64;

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
  readonly #members: Members;
  readonly #turns: Turns;
  readonly #activity: Activity;
  /** Every change up to here was seen on the bus, or is known to be missed by the topics that it may concern. */
  #through: Pos | undefined;

  constructor(
    context: LiveContext,
    parts: {
      topics: Topics<CollectionTopic>;
      delivery: CollectionDelivery;
      members: Members;
      turns: Turns;
      activity: Activity;
    },
  ) {
    this.#context = context;
    this.#topics = parts.topics;
    this.#delivery = parts.delivery;
    this.#members = parts.members;
    this.#turns = parts.turns;
    this.#activity = parts.activity;
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
    for (const topic of this.#topics.all()) this.#missed(topic, before);
  }

  /** Takes any change, since each has a position. */
  offer(change: CommittedChange): void {
    const { pos } = change;
    const before = this.#through;
    if (before !== undefined && pos <= before) return;
    if (before === undefined || pos > before + 1) this.announce(pos - 1);
    this.#through = pos;
    if (change.type !== 'create' || this.#topics.size === 0) return;
    for (const r of collectionsAround(change.r)) {
      const topic = this.#topics.find(r);
      if (topic) this.#create(topic, change);
    }
  }

  #create(topic: CollectionTopic, change: CommittedChange): void {
    if (topic.work) {
      enqueue(topic.work, change);
      return;
    }
    const told = this.#take(topic, change);
    if (told) this.#work(topic, told, { queue: [], missedAfter: undefined });
  }

  #take(topic: CollectionTopic, change: CommittedChange): Promise<void> | undefined {
    if (change.pos <= topic.taken) return undefined;
    topic.taken = change.pos;
    try {
      const told = this.#delivery.tell(topic, creationOf(change));
      return told?.catch((error: unknown) => this.#giveUp(topic, error));
    } catch (error) {
      this.#giveUp(topic, error);
      return undefined;
    }
  }

  #missed(topic: CollectionTopic, after: Pos): void {
    if (topic.work) topic.work.missedAfter ??= after;
    else if (topic.isDeserted) this.#skip(topic);
    else this.#work(topic, undefined, { queue: [], missedAfter: after });
  }

  /** Nobody listens yet; who begins to has to ask the store for all of this. */
  #skip(topic: CollectionTopic): void {
    topic.taken = Math.max(topic.taken, this.#through ?? 0);
  }

  #work(topic: CollectionTopic, first: Promise<void> | undefined, work: CollectionWork): void {
    topic.work = work;
    this.#activity.begin();
    void this.#workThrough(topic, first, work);
  }

  /** Never rejects. Between its last look at the queue and its end nothing can come into it. */
  async #workThrough(
    topic: CollectionTopic,
    first: Promise<void> | undefined,
    work: CollectionWork,
  ): Promise<void> {
    await first;
    for (;;) {
      const next = work.queue.shift();
      if (next) await this.#take(topic, next);
      else if (work.missedAfter !== undefined) await this.#fill(topic, work, work.missedAfter);
      else break;
    }
    topic.work = undefined;
    this.#activity.end();
  }

  /** Never rejects. */
  async #fill(topic: CollectionTopic, work: CollectionWork, after: Pos): Promise<void> {
    this.#context.metrics.gaps.add();
    await new Promise<void>((resolve) => {
      this.#turns.run(this, () => this.#tellMissed(topic, work, after).finally(resolve));
    });
  }

  /** Goes on until it stands where the bus does: from that moment on nothing is missed any more. */
  async #tellMissed(topic: CollectionTopic, work: CollectionWork, after: Pos): Promise<void> {
    const { store, platform } = this.#context;
    try {
      for (let at = after; !topic.isDeserted; ) {
        const from = at;
        const page = await readWithRetry(platform, () => {
          return store.created(topic.scope, from, creationPage);
        });
        if (page.gone) throw fail('position.gone');
        for (const entry of page.entries) {
          topic.taken = Math.max(topic.taken, entry.pos);
          await this.#delivery.tell(topic, creationOf(entry));
        }
        at = page.through;
        if (page.entries.length < creationPage && at >= (this.#through ?? 0)) break;
      }
    } catch (error) {
      this.#giveUp(topic, error);
    }
    if (topic.isDeserted) this.#skip(topic);
    work.missedAfter = undefined;
  }

  #giveUp(topic: CollectionTopic, error: unknown): void {
    const live = topic.audiences.values().flatMap(({ members }) => {
      return members.filter((one) => one.progress === 'live');
    });
    this.#members.fail(live, error);
  }
}

/** While something is missing, what comes is in the store as well, and is read from there in order. */
function enqueue(work: CollectionWork, change: CommittedChange): void {
  if (work.missedAfter !== undefined) return;
  if (work.queue.length < longestQueue) work.queue.push(change);
  else work.missedAfter = change.pos - 1;
}
