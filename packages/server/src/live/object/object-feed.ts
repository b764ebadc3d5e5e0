import { fail } from '@really/protocol';
import type { Steps } from '../../platform/scheduling/tick-slice.js';
import type { CommittedChange } from '../../store/stored-object.js';
import { runBacklog } from '../catch-up/run-steps.js';
import { type LiveContext, modelOf } from '../live-context.js';
import type { SubscriptionRegistry } from '../registry/subscription-registry.js';
import type { Topics } from '../registry/topics.js';
import type { ObjectDelivery } from './object-delivery.js';
import { ObjectReplay, type ObjectReplayPage } from './object-replay.js';
import type { ObjectBacklog, ObjectTopic } from './object-subscription.js';

/** Changes queued while earlier ones are delivered; beyond this, they are read from the store. */
const maxQueueLength = 64;

interface ObjectFeedDeps {
  readonly topics: Topics<ObjectTopic>;
  readonly delivery: ObjectDelivery;
  readonly registry: SubscriptionRegistry;
}

/**
 * Applies changes of objects from the bus in the order of their revisions. The bus is only a hint:
 * duplicates are ignored, and gaps are read from the store.
 */
export class ObjectFeed {
  readonly #context: LiveContext;
  readonly #deps: ObjectFeedDeps;

  constructor(context: LiveContext, deps: ObjectFeedDeps) {
    this.#context = context;
    this.#deps = deps;
  }

  receive(change: CommittedChange): void {
    const topic = this.#deps.topics.find(change.r);
    if (!topic || change.rev <= topic.rev) return;
    if (topic.backlog) {
      enqueue(topic.backlog, change);
    } else if (topic.isEmpty || change.rev === topic.rev + 1) {
      const pending = this.#apply(topic, change);
      if (pending)
        this.#startWorker(topic, pending, { queue: [], newestRev: change.rev, hasGap: false });
    } else {
      this.observe(topic, change.rev);
    }
  }

  /** The object has this revision: if it is new, reads the missing ones from the store. */
  observe(topic: ObjectTopic, rev: number): void {
    if (rev <= topic.rev) return;
    if (!topic.backlog) {
      this.#startWorker(topic, undefined, { queue: [], newestRev: rev, hasGap: true });
      return;
    }
    topic.backlog.newestRev = Math.max(topic.backlog.newestRev, rev);
    topic.backlog.hasGap = true;
  }

  #apply(topic: ObjectTopic, change: CommittedChange): Promise<void> | undefined {
    topic.rev = change.rev;
    try {
      return this.#context.slice.run(this.#deps.delivery.deliver(topic, change));
    } catch (error) {
      this.#failLive(topic, error);
      return undefined;
    }
  }

  /** A live subscription that missed an applied revision would never notice: it fails. */
  #failLive(topic: ObjectTopic, error: unknown): void {
    const missed = topic
      .subscriptions()
      .filter(({ progress, rev }) => progress === 'live' && rev < topic.rev);
    this.#deps.registry.fail(missed, error);
  }

  #startWorker(topic: ObjectTopic, first: Promise<void> | undefined, backlog: ObjectBacklog): void {
    void runBacklog(this.#context.inFlight, topic, backlog, {
      first,
      next: () => this.#next(topic, backlog),
      onError: (error) => this.#failLive(topic, error),
    });
  }

  #next(topic: ObjectTopic, backlog: ObjectBacklog): Promise<void> | undefined {
    for (;;) {
      const change = backlog.hasGap ? undefined : backlog.queue.shift();
      if (!change) return backlog.hasGap ? this.#fillGap(topic, backlog) : undefined;
      if (change.rev <= topic.rev) continue;
      const follows = topic.isEmpty || change.rev === topic.rev + 1;
      const pending = follows ? this.#apply(topic, change) : this.#fillGap(topic, backlog);
      if (pending) return pending;
    }
  }

  /**
   * Delivers everything in the store that was not applied yet, a page in each turn: while an object is
   * written there may always be another page, and others wait.
   */
  async #fillGap(topic: ObjectTopic, backlog: ObjectBacklog): Promise<void> {
    const { limiter, metrics } = this.#context;
    metrics.gaps.add();
    backlog.hasGap = false;
    backlog.queue.length = 0;
    try {
      const replay = this.#replayOf(topic);
      while (topic.rev < backlog.newestRev && !topic.isEmpty) {
        if (!replay) throw fail('model.unknown');
        await limiter.schedule(this, () => this.#deliverNext(topic, replay));
      }
      topic.rev = Math.max(topic.rev, backlog.newestRev);
    } catch (error) {
      topic.rev = Math.max(topic.rev, backlog.newestRev);
      this.#failLive(topic, error);
    }
  }

  async #deliverNext(topic: ObjectTopic, replay: ObjectReplay): Promise<void> {
    if (topic.isEmpty) return;
    const page = await replay.next(topic.rev);
    await this.#context.slice.run(this.#deliverPage(topic, page, replay));
  }

  #deliverPage(topic: ObjectTopic, page: ObjectReplayPage, replay: ObjectReplay): Steps<unknown> {
    const { delivery } = this.#deps;
    switch (page.kind) {
      case 'missing':
        throw fail('object.missing');
      case 'deleted':
        topic.rev = page.rev;
        return delivery.deliverDeletion(topic, page.rev, { change: page.change, hasGap: true });
      case 'unknown':
        topic.rev = page.object.rev;
        return delivery.deliverSnapshot(topic, page.object, page.reason);
      case 'revisions': {
        const last = page.changes.at(-1)?.rev;
        // The bus announced what the store does not have. Impossible, and waiting would not help.
        if (last === undefined) throw new Error(`revisions after ${topic.rev} are not stored`);
        topic.rev = last;
        return delivery.deliverRevisions(topic, page.object, replay.revisions(page), last);
      }
      default:
        return page satisfies never;
    }
  }

  #replayOf({ r, names }: ObjectTopic): ObjectReplay | undefined {
    const model = modelOf(this.#context, names);
    // A subscriber with partial visibility may go live while it is read.
    return model && new ObjectReplay(this.#context, { r, version: model.version, partial: true });
  }
}

/** A change out of order, or one too many, is left to the store. */
function enqueue(backlog: ObjectBacklog, change: CommittedChange): void {
  if (change.rev <= backlog.newestRev) return;
  const follows = change.rev === backlog.newestRev + 1 && backlog.queue.length < maxQueueLength;
  backlog.newestRev = change.rev;
  if (follows && !backlog.hasGap) backlog.queue.push(change);
  else backlog.hasGap = true;
}
