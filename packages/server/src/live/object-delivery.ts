import { fail } from '@really/protocol';
import type { Model } from '../model/model.js';
import type { Steps } from '../platform/turn-slice.js';
import type { Change, StoredObject } from '../store/store.js';
import { judgeAudiences, type Verdict } from './judge.js';
import { type LiveContext, modelOf } from './live-context.js';
import type { SnapshotReason } from './live-metrics.js';
import type { Members } from './members.js';
import { ObjectFrames, type ObjectNews } from './object-frames.js';
import type { LiveStep, ObjectStep } from './object-step.js';
import type { ObjectAudience, ObjectSubscription } from './object-subscription.js';
import type { ObjectTopic } from './object-topic.js';
import { ownMarkOf } from './own-mark.js';
import { audienceWork } from './pace.js';
import { deletedFrame } from './push-message.js';
import { isSameList, isSameSight, type Sight } from './visible-fields.js';

/** So many ways to see one change are kept for the audiences that come after. */
const sharedSights = 8;

/** Of a deletion: `missed`: it stands for revisions before it, too. */
interface Deletion {
  readonly change: Pick<Change, 'by' | 'once'> | undefined;
  readonly missed: boolean;
}

/**
 * Hands what happened to an object to those who are live on it: judged and encoded once for each audience. Where these are many
 * it takes more than one turn of the event loop (rule LIM42). Whoever comes to be live meanwhile has the revision already, and
 * whoever moves to another audience is not live until it has it, so that each hears it once.
 */
export class ObjectDelivery {
  readonly #context: LiveContext;
  readonly #members: Members;
  /** Updates and snapshots that were pushed. */
  #pushed = 0;
  /** Of these, updates that are not counted yet. */
  #updates = 0;

  constructor(context: LiveContext, members: Members) {
    this.#context = context;
    this.#members = members;
  }

  /**
   * Tells one revision: at once, where rights can be judged in place and not too many hear it; otherwise everybody has heard it
   * when the promise resolves.
   */
  tell(topic: ObjectTopic, step: LiveStep): Promise<void> | undefined {
    return this.#context.slice.run(this.#tell(topic, step));
  }

  *#tell(topic: ObjectTopic, step: LiveStep): Steps {
    const { change, object } = step;
    const { notes } = this.#context;
    const span = topic.isDeserted ? undefined : notes.begin(change);
    if (change.type === 'delete') {
      const pushes = yield* this.#tellDeleted(topic, change.rev, { change, missed: false });
      notes.told(change, pushes, span);
      return;
    }
    const model = this.#modelOf(topic);
    if (!model) return;
    const verdicts = yield* this.#judge(topic, model, object, change.rev);
    notes.told(change, yield* this.#deliver(verdicts, model, { object, step }), span);
  }

  /** Tells several revisions late, judged by the object as it is now. */
  async tellLate(
    topic: ObjectTopic,
    object: StoredObject,
    steps: Iterable<ObjectStep>,
    through: number,
  ): Promise<void> {
    await this.#context.slice.run(this.#tellLate(topic, object, steps, through));
  }

  *#tellLate(
    topic: ObjectTopic,
    object: StoredObject,
    steps: Iterable<ObjectStep>,
    through: number,
  ): Steps {
    const model = this.#modelOf(topic);
    if (!model) return;
    const verdicts = yield* this.#judge(topic, model, object, through);
    for (const step of steps) {
      const pushes = yield* this.#deliver(verdicts, model, { object, step });
      this.#context.notes.told(step.change, pushes, undefined);
    }
  }

  /** Tells by a snapshot what happened up to the object's revision. */
  async tellSnapshot(
    topic: ObjectTopic,
    object: StoredObject,
    reason: SnapshotReason,
  ): Promise<void> {
    await this.#context.slice.run(this.#tellSnapshot(topic, object, reason));
  }

  *#tellSnapshot(topic: ObjectTopic, object: StoredObject, reason: SnapshotReason): Steps {
    const model = this.#modelOf(topic);
    if (!model) return;
    const verdicts = yield* this.#judge(topic, model, object, object.rev);
    yield* this.#deliver(verdicts, model, { object }, reason);
  }

  /**
   * Rule PSH5. Whoever hears of the deletion knew of the object, and there is nothing left of it that rights could be judged by.
   * As `tell`.
   */
  async tellDeleted(topic: ObjectTopic, rev: number, deletion: Deletion): Promise<void> {
    const { slice } = this.#context;
    await slice.run(withoutResult(this.#tellDeleted(topic, rev, deletion)));
  }

  /** The answer is how many heard. */
  *#tellDeleted(topic: ObjectTopic, rev: number, { change, missed }: Deletion): Steps<number> {
    const mark = change && ownMarkOf(change);
    let pushes = 0;
    for (const audience of topic.audiences.values()) {
      const prev = missed || audience.changedAt === 0 ? rev - 1 : audience.changedAt;
      const under = { names: topic.names, view: audience.view };
      const last = deletedFrame({ r: topic.r, rev, by: change?.by, prev, under });
      yield* this.#part(audience, rev, (ready) => {
        for (const one of ready) {
          const frame = mark ? mark.frameFor(last, one.session.listener) : last;
          this.#members.endWith(one, frame, 'deleted');
        }
        pushes += ready.length;
      });
    }
    return pushes;
  }

  /**
   * Brings one subscription over the news. False where it has to wait until its connection has taken
   * some output.
   */
  bring(one: ObjectSubscription, frames: ObjectFrames, reason: SnapshotReason): boolean {
    const moved = this.#bring(one, frames, reason);
    this.#countUpdates();
    return moved;
  }

  /** As `bring`, by a snapshot in any case. */
  bringSnapshot(one: ObjectSubscription, frames: ObjectFrames, reason: SnapshotReason): boolean {
    const { listener } = one.session;
    if (listener.congested) return false;
    const { view } = one.audience;
    const { mark } = frames;
    const frame = frames.snapshot(view);
    listener.push(mark ? mark.frameFor(frame, listener) : frame);
    one.view = view;
    this.#pushed += 1;
    this.#context.metrics.pushes.add(1, 'snapshot');
    this.#context.metrics.snapshots.add(1, reason);
    one.rev = frames.object.rev;
    one.hidden = frames.sight.hidden;
    one.audience.changedAt = Math.max(one.audience.changedAt, frames.changedAt);
    return true;
  }

  #judge(
    topic: ObjectTopic,
    model: Model,
    object: StoredObject,
    through: number,
  ): Steps<readonly Verdict<ObjectAudience>[]> {
    const isConcerned = (one: ObjectSubscription) => isBefore(one, through);
    const judged = { model, object, portion: this.#context.pace.audiences };
    return judgeAudiences(topic.audiences, judged, isConcerned);
  }

  /** The answer is how many were pushed to. */
  *#deliver(
    verdicts: readonly Verdict<ObjectAudience>[],
    model: Model,
    news: ObjectNews,
    reason: SnapshotReason = 'rights',
  ): Steps<number> {
    const { portion } = this.#context.pace;
    let pushes = 0;
    const known: ObjectFrames[] = [];
    for (const { audience, view } of verdicts) {
      if (view.kind === 'refused') {
        this.#context.metrics.refusals.add();
        yield* this.#part(audience, revOf(news), (ready) => this.#members.fail(ready, view.error));
        continue;
      }
      const sight = sightOf(audience, view.hidden);
      // Audiences that rights keep apart mostly see the same in the end.
      let frames = known.find((one) => isSameSight(one.sight, sight));
      if (!frames) {
        frames = new ObjectFrames(model, sight, news);
        if (known.length < sharedSights) known.push(frames);
      }
      const changedAt = frames.update ? frames.rev : news.step ? 0 : frames.changedAt;
      audience.changedAt = Math.max(audience.changedAt, changedAt);
      if (this.#context.pace.isDue(audienceWork)) yield;
      for (let end = audience.members.length; end > 0; end -= portion) {
        pushes += this.#spread(audience, frames, { end, reason });
        if (this.#context.pace.isDue(Math.min(end, portion))) yield;
      }
    }
    return pushes;
  }

  /** The inner loop of a fan-out: for each subscriber of a portion a comparison of cursors, and a push. The answer is how many were pushed to. */
  #spread(
    { members }: ObjectAudience,
    frames: ObjectFrames,
    { end, reason }: { end: number; reason: SnapshotReason },
  ): number {
    const before = this.#pushed;
    const begin = Math.max(0, end - this.#context.pace.portion);
    for (let index = Math.min(end, members.length) - 1; index >= begin; index--) {
      const one = members[index];
      if (!one || !isBefore(one, frames.rev)) continue;
      if (!this.#bring(one, frames, reason)) this.#pause(one);
    }
    this.#countUpdates();
    return this.#pushed - before;
  }

  #bring(one: ObjectSubscription, frames: ObjectFrames, reason: SnapshotReason): boolean {
    const evt = frames.evtFor(one);
    if (evt === 'snapshot') return this.bringSnapshot(one, frames, frames.step ? 'rights' : reason);
    const { listener } = one.session;
    const { view } = one.audience;
    const frame = evt && (one.view === view ? frames.update : frames.updateUnder(view));
    if (frame) {
      if (listener.congested) return false;
      listener.push(frames.mark ? frames.mark.frameFor(frame, listener) : frame);
      this.#updates += 1;
      this.#pushed += 1;
      one.view = view;
    }
    one.rev = frames.rev;
    one.hidden = frames.sight.hidden;
    return true;
  }

  /** A last push for an audience, to those to whom it can go now; the others wait, and will find out then. */
  *#part(
    audience: ObjectAudience,
    through: number,
    last: (ready: readonly ObjectSubscription[]) => void,
  ): Steps {
    const { pace } = this.#context;
    const { portion } = pace;
    // From the end to the start: those who leave are replaced by some who had their turn.
    for (let end = audience.members.length; end > 0; end -= portion) {
      const some = audience.members.slice(Math.max(0, end - portion), end);
      const concerned = some.filter((one) => isBefore(one, through));
      const ready = concerned.filter((one) => !one.session.listener.congested);
      for (const one of concerned) if (one.session.listener.congested) this.#pause(one);
      last(ready);
      if (pace.isDue(some.length + audienceWork)) yield;
    }
  }

  /** Rule LIM4: what it misses from now on will be one snapshot. */
  #pause(one: ObjectSubscription): void {
    one.progress = 'paused';
    this.#context.metrics.pauses.add();
  }

  #modelOf(topic: ObjectTopic): Model | undefined {
    const model = modelOf(this.#context, topic.names);
    if (!model) {
      const everybody = topic.audiences.values().flatMap((audience) => [...audience.members]);
      this.#members.fail(everybody, fail('model.unknown'));
    }
    return model;
  }

  #countUpdates(): void {
    if (this.#updates === 0) return;
    this.#context.metrics.pushes.add(this.#updates, 'updated');
    this.#updates = 0;
  }
}

/** What the audience sees now. The list of what is hidden stays one list for as long as it says the same. */
export function sightOf(audience: ObjectAudience, hidden: readonly string[]): Sight {
  if (!isSameList(audience.hidden, hidden)) audience.hidden = hidden;
  return { fields: audience.fields, hidden: audience.hidden };
}

function isBefore(one: ObjectSubscription, rev: number): boolean {
  return one.progress === 'live' && one.rev < rev;
}

function revOf({ object, step }: ObjectNews): number {
  return step?.change.rev ?? object.rev;
}

function* withoutResult(steps: Steps<unknown>): Steps {
  yield* steps;
}
