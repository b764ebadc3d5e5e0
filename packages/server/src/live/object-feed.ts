import { fail } from '@really/protocol';
import type { CommittedChange } from '../store/store.js';
import type { Activity } from './activity.js';
import { type LiveContext, modelOf } from './live-context.js';
import type { Members } from './members.js';
import type { ObjectDelivery } from './object-delivery.js';
import { LiveStep } from './object-step.js';
import type { ObjectTopic, ObjectWork } from './object-topic.js';
import { Replay } from './replay.js';
import type { Topics } from './topics.js';
import type { Turns } from './turns.js';

/** Changes of one object that wait while the ones before are told; beyond that the store has to remember them. */
const longestQueue = 64;

/**
 * Takes the changes of objects from the bus and has them told in the order of their revisions. The bus
 * is only a hint: what comes twice is told once, and what it leaves out is read from the store.
 */
export class ObjectFeed {
  readonly #context: LiveContext;
  readonly #topics: Topics<ObjectTopic>;
  readonly #delivery: ObjectDelivery;
  readonly #members: Members;
  readonly #turns: Turns;
  readonly #activity: Activity;

  constructor(
    context: LiveContext,
    parts: {
      topics: Topics<ObjectTopic>;
      delivery: ObjectDelivery;
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

  offer(change: CommittedChange): void {
    const topic = this.#topics.find(change.r);
    if (!topic || change.rev <= topic.rev) return;
    if (topic.work) {
      enqueue(topic.work, change);
    } else if (topic.isDeserted || change.rev === topic.rev + 1) {
      const told = this.#take(topic, change);
      if (told) this.#work(topic, told, { queue: [], newest: change.rev, missed: false });
    } else {
      this.announce(topic, change.rev);
    }
  }

  /** The object has this revision: if that is news, the store is asked what happened. */
  announce(topic: ObjectTopic, rev: number): void {
    if (rev <= topic.rev) return;
    if (!topic.work) {
      this.#work(topic, undefined, { queue: [], newest: rev, missed: true });
      return;
    }
    topic.work.newest = Math.max(topic.work.newest, rev);
    topic.work.missed = true;
  }

  #take(topic: ObjectTopic, change: CommittedChange): Promise<void> | undefined {
    topic.rev = change.rev;
    try {
      const told = this.#delivery.tell(topic, new LiveStep(change));
      return told?.catch((error: unknown) => this.#giveUp(topic, error));
    } catch (error) {
      this.#giveUp(topic, error);
      return undefined;
    }
  }

  /** Who has not heard of a revision that was taken would go on as if there had been none: it has to subscribe again. */
  #giveUp(topic: ObjectTopic, error: unknown): void {
    const left = topic.audiences.values().flatMap(({ members }) => {
      return members.filter((one) => one.progress === 'live' && one.rev < topic.rev);
    });
    this.#members.fail(left, error);
  }

  #work(topic: ObjectTopic, first: Promise<void> | undefined, work: ObjectWork): void {
    topic.work = work;
    this.#activity.begin();
    void this.#workThrough(topic, first, work);
  }

  /** Never rejects. Between its last look at the queue and its end nothing can come into it. */
  async #workThrough(
    topic: ObjectTopic,
    first: Promise<void> | undefined,
    work: ObjectWork,
  ): Promise<void> {
    await first;
    while (work.missed || work.queue.length > 0) {
      const next = work.missed ? undefined : work.queue.shift();
      if (next && next.rev <= topic.rev) continue;
      if (next && (topic.isDeserted || next.rev === topic.rev + 1)) await this.#take(topic, next);
      else await this.#fill(topic, work);
    }
    topic.work = undefined;
    this.#activity.end();
  }

  /** Has everything told that the store has and that was not taken yet. Never rejects. */
  async #fill(topic: ObjectTopic, work: ObjectWork): Promise<void> {
    this.#context.metrics.gaps.add();
    work.missed = false;
    work.queue.length = 0;
    await new Promise<void>((resolve) => {
      this.#turns.run(this, () => this.#tellMissed(topic, work).finally(resolve));
    });
  }

  async #tellMissed(topic: ObjectTopic, work: ObjectWork): Promise<void> {
    try {
      const replay = this.#replayOf(topic);
      while (topic.rev < work.newest && !topic.isDeserted) {
        if (!replay) throw fail('model.unknown');
        await this.#tellPage(topic, replay);
      }
      topic.rev = Math.max(topic.rev, work.newest);
    } catch (error) {
      topic.rev = Math.max(topic.rev, work.newest);
      this.#giveUp(topic, error);
    }
  }

  async #tellPage(topic: ObjectTopic, replay: Replay): Promise<void> {
    const page = await replay.next(topic.rev);
    switch (page.kind) {
      case 'missing':
        throw fail('object.missing');
      case 'deleted':
        topic.rev = page.rev;
        await this.#delivery.tellDeleted(topic, page.rev, { change: page.change, missed: true });
        return;
      case 'unknown':
        topic.rev = page.object.rev;
        await this.#delivery.tellSnapshot(topic, page.object, page.reason);
        return;
      case 'steps': {
        const last = page.changes.at(-1)?.rev;
        // The bus knows more than the store: it cannot, and waiting would not help.
        if (last === undefined) throw new Error(`revisions after ${topic.rev} are not stored`);
        topic.rev = last;
        await this.#delivery.tellLate(topic, page.object, replay.steps(page), last);
        return;
      }
      default:
        page satisfies never;
    }
  }

  #replayOf({ r, names }: ObjectTopic): Replay | undefined {
    const model = modelOf(this.#context, names);
    // Somebody who sees a part only may come to be live while it is read.
    return model && new Replay(this.#context, { r, version: model.version, partial: true });
  }
}

/** What does not follow on the last change, or finds too many waiting, is left to the store. */
function enqueue(work: ObjectWork, change: CommittedChange): void {
  if (change.rev <= work.newest) return;
  const follows = change.rev === work.newest + 1 && work.queue.length < longestQueue;
  work.newest = change.rev;
  if (follows && !work.missed) work.queue.push(change);
  else work.missed = true;
}
