import { fail } from '@really/protocol';
import type { CommittedChange } from '../../store/store.js';
import type { FairLimiter } from '../catch-up/fair-limiter.js';
import type { InFlight } from '../catch-up/in-flight.js';
import { type LiveContext, modelOf } from '../live-context.js';
import type { SubscriptionRegistry } from '../registry/subscription-registry.js';
import type { Topics } from '../registry/topics.js';
import type { ObjectDelivery } from './object-delivery.js';
import { ObjectReplay } from './object-replay.js';
import type { ObjectBacklog, ObjectTopic } from './object-subscription.js';
import { LiveRevision } from './revision-to-send.js';

/**
 * Queued changes per object while earlier ones are delivered; beyond this, they are read from the
 * store.
 */
const maxQueueLength = 64;

/**
 * Applies changes of objects from the bus in the order of their revisions. The bus is only a hint:
 * duplicates are ignored, and gaps are read from the store.
 */
export class ObjectFeed {
  readonly #context: LiveContext;
  readonly #topics: Topics<ObjectTopic>;
  readonly #delivery: ObjectDelivery;
  readonly #registry: SubscriptionRegistry;
  readonly #limiter: FairLimiter;
  readonly #inFlight: InFlight;

  constructor(
    context: LiveContext,
    deps: {
      topics: Topics<ObjectTopic>;
      delivery: ObjectDelivery;
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

  receive(change: CommittedChange): void {
    const topic = this.#topics.find(change.r);
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
      const pending = this.#delivery.deliver(topic, new LiveRevision(change));
      return pending?.catch((error: unknown) => this.#failLive(topic, error));
    } catch (error) {
      this.#failLive(topic, error);
      return undefined;
    }
  }

  /**
   * A live subscription that missed an applied revision would never notice: it fails and has to
   * subscribe again.
   */
  #failLive(topic: ObjectTopic, error: unknown): void {
    const missed = topic.groups.values().flatMap(({ members }) => {
      return members.filter(
        (subscription) => subscription.progress === 'live' && subscription.rev < topic.rev,
      );
    });
    this.#registry.fail(missed, error);
  }

  #startWorker(topic: ObjectTopic, first: Promise<void> | undefined, backlog: ObjectBacklog): void {
    topic.backlog = backlog;
    this.#inFlight.begin();
    void this.#drain(topic, first, backlog);
  }

  /** Never rejects. Nothing can be enqueued between its last look at the queue and its end. */
  async #drain(
    topic: ObjectTopic,
    first: Promise<void> | undefined,
    backlog: ObjectBacklog,
  ): Promise<void> {
    await first;
    while (backlog.hasGap || backlog.queue.length > 0) {
      const next = backlog.hasGap ? undefined : backlog.queue.shift();
      if (next && next.rev <= topic.rev) continue;
      if (next && (topic.isEmpty || next.rev === topic.rev + 1)) await this.#apply(topic, next);
      else await this.#fillGap(topic, backlog);
    }
    topic.backlog = undefined;
    this.#inFlight.end();
  }

  /** Delivers everything in the store that was not applied yet. Never rejects. */
  async #fillGap(topic: ObjectTopic, backlog: ObjectBacklog): Promise<void> {
    this.#context.metrics.gaps.add();
    backlog.hasGap = false;
    backlog.queue.length = 0;
    await new Promise<void>((resolve) => {
      this.#limiter.run(this, () => this.#deliverMissed(topic, backlog).finally(resolve));
    });
  }

  async #deliverMissed(topic: ObjectTopic, backlog: ObjectBacklog): Promise<void> {
    try {
      const replay = this.#replayOf(topic);
      while (topic.rev < backlog.newestRev && !topic.isEmpty) {
        if (!replay) throw fail('model.unknown');
        await this.#deliverPage(topic, replay);
      }
      topic.rev = Math.max(topic.rev, backlog.newestRev);
    } catch (error) {
      topic.rev = Math.max(topic.rev, backlog.newestRev);
      this.#failLive(topic, error);
    }
  }

  async #deliverPage(topic: ObjectTopic, replay: ObjectReplay): Promise<void> {
    const page = await replay.next(topic.rev);
    switch (page.kind) {
      case 'missing':
        throw fail('object.missing');
      case 'deleted':
        topic.rev = page.rev;
        await this.#delivery.deliverDeletion(topic, page.rev, {
          change: page.change,
          hasGap: true,
        });
        return;
      case 'unknown':
        topic.rev = page.object.rev;
        await this.#delivery.deliverSnapshot(topic, page.object, page.reason);
        return;
      case 'revisions': {
        const last = page.changes.at(-1)?.rev;
        // The bus announced revisions that the store does not have, which should be impossible.
        // Waiting would not help.
        if (last === undefined) throw new Error(`revisions after ${topic.rev} are not stored`);
        topic.rev = last;
        await this.#delivery.deliverRevisions(topic, page.object, replay.revisions(page), last);
        return;
      }
      default:
        page satisfies never;
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
