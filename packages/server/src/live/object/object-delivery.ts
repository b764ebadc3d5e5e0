import { fail } from '@really/protocol';
import type { Model } from '../../model/model.js';
import type { Steps } from '../../platform/scheduling/tick-slice.js';
import type { Change, StoredObject } from '../../store/store.js';
import { type LiveContext, modelOf } from '../live-context.js';
import type { SnapshotReason } from '../live-metrics.js';
import { authorizeGroups, type GroupView } from '../push/authorize-groups.js';
import { groupWork } from '../push/fan-out-pace.js';
import { onceMarkerOf } from '../push/once-marker.js';
import { deletedFrame } from '../push/push-message.js';
import { isSameList, isSameVisibility, type Visibility } from '../push/visibility.js';
import type { SubscriptionRegistry } from '../registry/subscription-registry.js';
import { ObjectFrames, type ObjectUpdate } from './object-frames.js';
import type {
  ObjectSubscriberGroup,
  ObjectSubscription,
  ObjectTopic,
} from './object-subscription.js';
import type { LiveRevision, RevisionToSend } from './revision-to-send.js';

/** Distinct visibilities of one change whose frames are shared between groups. */
const maxSharedVisibilities = 8;

/** A deletion. `hasGap`: it also stands for missed revisions before it. */
interface Deletion {
  readonly change: Pick<Change, 'by' | 'once'> | undefined;
  readonly hasGap: boolean;
}

/**
 * Pushes changes of an object to its live subscriptions: authorized and encoded once per subscriber
 * group, yielding the event loop if there are many (rule LIM42). Subscriptions that go live
 * meanwhile have the revision already, and those that move to another group are not live until they
 * have it, so each receives it once.
 */
export class ObjectDelivery {
  readonly #context: LiveContext;
  readonly #registry: SubscriptionRegistry;
  /** Number of updates and snapshots pushed. */
  #pushed = 0;
  /** Updates not yet added to the metric. */
  #updates = 0;

  constructor(context: LiveContext, registry: SubscriptionRegistry) {
    this.#context = context;
    this.#registry = registry;
  }

  /**
   * Pushes one revision. `undefined` if that was done synchronously; otherwise it is done when the
   * promise resolves.
   */
  deliver(topic: ObjectTopic, revision: LiveRevision): Promise<void> | undefined {
    return this.#context.slice.run(this.#deliver(topic, revision));
  }

  *#deliver(topic: ObjectTopic, revision: LiveRevision): Steps {
    const { change, object } = revision;
    const { telemetry } = this.#context;
    const span = topic.isEmpty ? undefined : telemetry.start(change);
    if (change.type === 'delete') {
      const pushes = yield* this.#deliverDeletion(topic, change.rev, { change, hasGap: false });
      telemetry.record(change, pushes, span);
      return;
    }
    const model = this.#modelOf(topic);
    if (!model) return;
    const groupViews = yield* this.#authorize(topic, model, object, change.rev);
    telemetry.record(
      change,
      yield* this.#pushToGroups(groupViews, model, { object, revision }),
      span,
    );
  }

  /** Pushes several revisions late, authorized by the current object. */
  async deliverRevisions(
    topic: ObjectTopic,
    object: StoredObject,
    revisions: Iterable<RevisionToSend>,
    through: number,
  ): Promise<void> {
    await this.#context.slice.run(this.#deliverRevisions(topic, object, revisions, through));
  }

  *#deliverRevisions(
    topic: ObjectTopic,
    object: StoredObject,
    revisions: Iterable<RevisionToSend>,
    through: number,
  ): Steps {
    const model = this.#modelOf(topic);
    if (!model) return;
    const groupViews = yield* this.#authorize(topic, model, object, through);
    for (const revision of revisions) {
      const pushes = yield* this.#pushToGroups(groupViews, model, { object, revision });
      this.#context.telemetry.record(revision.change, pushes, undefined);
    }
  }

  /** Pushes a snapshot of the object instead of single revisions. */
  async deliverSnapshot(
    topic: ObjectTopic,
    object: StoredObject,
    reason: SnapshotReason,
  ): Promise<void> {
    await this.#context.slice.run(this.#deliverSnapshot(topic, object, reason));
  }

  *#deliverSnapshot(topic: ObjectTopic, object: StoredObject, reason: SnapshotReason): Steps {
    const model = this.#modelOf(topic);
    if (!model) return;
    const groupViews = yield* this.#authorize(topic, model, object, object.rev);
    yield* this.#pushToGroups(groupViews, model, { object }, reason);
  }

  /**
   * Rule PSH5. Not authorized: the subscribers knew the object, and nothing is left of it that
   * rights could depend on.
   */
  async deliverDeletion(topic: ObjectTopic, rev: number, deletion: Deletion): Promise<void> {
    const { slice } = this.#context;
    await slice.run(withoutResult(this.#deliverDeletion(topic, rev, deletion)));
  }

  /** Returns the number of pushes. */
  *#deliverDeletion(topic: ObjectTopic, rev: number, { change, hasGap }: Deletion): Steps<number> {
    const onceMarker = change && onceMarkerOf(change);
    let pushes = 0;
    for (const group of topic.groups.values()) {
      const prev = hasGap || group.changedAt === 0 ? rev - 1 : group.changedAt;
      const under = { names: topic.names, view: group.view };
      const last = deletedFrame({ r: topic.r, rev, by: change?.by, prev, under });
      yield* this.#pushLast(group, rev, (ready) => {
        for (const subscription of ready) {
          const frame = onceMarker
            ? onceMarker.frameFor(last, subscription.session.pushTarget)
            : last;
          this.#registry.endWithPush(subscription, frame, 'deleted');
        }
        pushes += ready.length;
      });
    }
    return pushes;
  }

  /** Pushes an update to one subscription. False if its output buffer is full. */
  push(subscription: ObjectSubscription, frames: ObjectFrames, reason: SnapshotReason): boolean {
    const isPushed = this.#push(subscription, frames, reason);
    this.#countUpdates();
    return isPushed;
  }

  /** As `push`, but always a snapshot. */
  pushSnapshot(
    subscription: ObjectSubscription,
    frames: ObjectFrames,
    reason: SnapshotReason,
  ): boolean {
    const { pushTarget } = subscription.session;
    if (pushTarget.congested) return false;
    const { view } = subscription.group;
    const { onceMarker } = frames;
    const frame = frames.snapshot(view);
    pushTarget.push(onceMarker ? onceMarker.frameFor(frame, pushTarget) : frame);
    subscription.view = view;
    this.#pushed += 1;
    this.#context.metrics.pushes.add(1, 'snapshot');
    this.#context.metrics.snapshots.add(1, reason);
    subscription.rev = frames.object.rev;
    subscription.hidden = frames.visibility.hidden;
    subscription.group.changedAt = Math.max(subscription.group.changedAt, frames.changedAt);
    return true;
  }

  #authorize(
    topic: ObjectTopic,
    model: Model,
    object: StoredObject,
    through: number,
  ): Steps<readonly GroupView<ObjectSubscriberGroup>[]> {
    const isConcerned = (subscription: ObjectSubscription) => isBefore(subscription, through);
    const options = { model, object, portion: this.#context.pace.groups };
    return authorizeGroups(topic.groups, options, isConcerned);
  }

  /** Returns the number of pushes. */
  *#pushToGroups(
    groupViews: readonly GroupView<ObjectSubscriberGroup>[],
    model: Model,
    objectUpdate: ObjectUpdate,
    reason: SnapshotReason = 'rights',
  ): Steps<number> {
    const { portion } = this.#context.pace;
    let pushes = 0;
    const known: ObjectFrames[] = [];
    for (const { group, view } of groupViews) {
      if (view.kind === 'refused') {
        this.#context.metrics.refusals.add();
        yield* this.#pushLast(group, revOf(objectUpdate), (ready) =>
          this.#registry.fail(ready, view.error),
        );
        continue;
      }
      const visibility = visibilityOf(group, view.hidden);
      // Groups with different rights often see the same fields.
      let frames = known.find((candidate) => isSameVisibility(candidate.visibility, visibility));
      if (!frames) {
        frames = new ObjectFrames(model, visibility, objectUpdate);
        if (known.length < maxSharedVisibilities) known.push(frames);
      }
      const changedAt = frames.update ? frames.rev : objectUpdate.revision ? 0 : frames.changedAt;
      group.changedAt = Math.max(group.changedAt, changedAt);
      if (this.#context.pace.isDue(groupWork)) yield;
      for (let end = group.members.length; end > 0; end -= portion) {
        pushes += this.#fanOut(group, frames, { end, reason });
        if (this.#context.pace.isDue(Math.min(end, portion))) yield;
      }
    }
    return pushes;
  }

  /**
   * The inner loop of a fan-out: a comparison of cursors and a push for each subscriber of a
   * portion. Returns the number of pushes.
   */
  #fanOut(
    { members }: ObjectSubscriberGroup,
    frames: ObjectFrames,
    { end, reason }: { end: number; reason: SnapshotReason },
  ): number {
    const before = this.#pushed;
    const begin = Math.max(0, end - this.#context.pace.portion);
    for (let index = Math.min(end, members.length) - 1; index >= begin; index--) {
      const subscription = members[index];
      if (!subscription || !isBefore(subscription, frames.rev)) continue;
      if (!this.#push(subscription, frames, reason)) this.#pause(subscription);
    }
    this.#countUpdates();
    return this.#pushed - before;
  }

  #push(subscription: ObjectSubscription, frames: ObjectFrames, reason: SnapshotReason): boolean {
    const evt = frames.evtFor(subscription);
    if (evt === 'snapshot')
      return this.pushSnapshot(subscription, frames, frames.revision ? 'rights' : reason);
    const { pushTarget } = subscription.session;
    const { view } = subscription.group;
    const frame = evt && (subscription.view === view ? frames.update : frames.updateUnder(view));
    if (frame) {
      if (pushTarget.congested) return false;
      pushTarget.push(frames.onceMarker ? frames.onceMarker.frameFor(frame, pushTarget) : frame);
      this.#updates += 1;
      this.#pushed += 1;
      subscription.view = view;
    }
    subscription.rev = frames.rev;
    subscription.hidden = frames.visibility.hidden;
    return true;
  }

  /**
   * A last push for a group. Subscriptions with full output buffers are paused and get it later.
   */
  *#pushLast(
    group: ObjectSubscriberGroup,
    through: number,
    pushTo: (ready: readonly ObjectSubscription[]) => void,
  ): Steps {
    const { pace } = this.#context;
    const { portion } = pace;
    // From the end to the start: members that leave are replaced by already visited ones.
    for (let end = group.members.length; end > 0; end -= portion) {
      const portionMembers = group.members.slice(Math.max(0, end - portion), end);
      const concerned = portionMembers.filter((subscription) => isBefore(subscription, through));
      const ready = concerned.filter((subscription) => !subscription.session.pushTarget.congested);
      for (const subscription of concerned)
        if (subscription.session.pushTarget.congested) this.#pause(subscription);
      pushTo(ready);
      if (pace.isDue(portionMembers.length + groupWork)) yield;
    }
  }

  /** Rule LIM4: a snapshot will replace what it misses from now on. */
  #pause(subscription: ObjectSubscription): void {
    subscription.progress = 'paused';
    this.#context.metrics.pauses.add();
  }

  #modelOf(topic: ObjectTopic): Model | undefined {
    const model = modelOf(this.#context, topic.names);
    if (!model) {
      const subscriptions = topic.groups.values().flatMap((group) => [...group.members]);
      this.#registry.fail(subscriptions, fail('model.unknown'));
    }
    return model;
  }

  #countUpdates(): void {
    if (this.#updates === 0) return;
    this.#context.metrics.pushes.add(this.#updates, 'updated');
    this.#updates = 0;
  }
}

/** What the group sees now. Keeps the identity of the hidden list while its content is the same. */
export function visibilityOf(group: ObjectSubscriberGroup, hidden: readonly string[]): Visibility {
  if (!isSameList(group.hidden, hidden)) group.hidden = hidden;
  return { fields: group.fields, hidden: group.hidden };
}

function isBefore(subscription: ObjectSubscription, rev: number): boolean {
  return subscription.progress === 'live' && subscription.rev < rev;
}

function revOf({ object, revision }: ObjectUpdate): number {
  return revision?.change.rev ?? object.rev;
}

function* withoutResult(steps: Steps<unknown>): Steps {
  yield* steps;
}
