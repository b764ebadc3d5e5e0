import { fail } from '@really/protocol';
import type { Model } from '../../model/model.js';
import { isSteps, type Steps } from '../../platform/scheduling/tick-slice.js';
import type { Change, CommittedChange, StoredObject } from '../../store/stored-object.js';
import { type LiveContext, modelOf } from '../live-context.js';
import type { SnapshotReason } from '../live-metrics.js';
import { authorizeGroups, type GroupView } from '../push/authorize-groups.js';
import { canPush, fanOut } from '../push/fan-out.js';
import { markedFrame, onceMarkerOf } from '../push/once-marker.js';
import { deletedFrame } from '../push/push-message.js';
import { isSameList, isSameVisibility, type Visibility } from '../push/visibility.js';
import type { SubscriptionRegistry } from '../registry/subscription-registry.js';
import {
  LiveRevision,
  ObjectFrames,
  type ObjectUpdate,
  type RevisionToSend,
} from './object-frames.js';
import type {
  ObjectSubscriberGroup,
  ObjectSubscription,
  ObjectTopic,
} from './object-subscription.js';

/** Distinct visibilities of one change whose frames are shared between groups. */
const maxSharedVisibilities = 8;

/** A deletion. `hasGap`: it also stands for missed revisions before it. */
interface Deletion {
  readonly change: Pick<Change, 'by' | 'at' | 'once'> | undefined;
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
  /** Updates not yet added to the metric. */
  #updates = 0;

  constructor(context: LiveContext, registry: SubscriptionRegistry) {
    this.#context = context;
    this.#registry = registry;
  }

  /** Pushes one revision. */
  *deliver(topic: ObjectTopic, change: CommittedChange): Steps {
    const { object } = change;
    const { telemetry } = this.#context;
    const span = topic.isEmpty ? undefined : telemetry.start(change);
    if (change.type === 'delete') {
      const pushes = yield* this.deliverDeletion(topic, change.rev, { change, hasGap: false });
      telemetry.record(change, pushes, span);
      return;
    }
    const model = this.#modelOf(topic);
    if (!model) return;
    const authorized = this.#authorize(topic, model, object, change.rev);
    const groupViews = isSteps(authorized) ? yield* authorized : authorized;
    const revision = new LiveRevision(change);
    const pushes = yield* this.#pushToGroups(groupViews, model, { object, revision });
    telemetry.record(change, pushes, span);
  }

  /** Pushes several revisions late, authorized by the current object. */
  *deliverRevisions(
    topic: ObjectTopic,
    object: StoredObject,
    revisions: Iterable<RevisionToSend>,
    through: number,
  ): Steps {
    const model = this.#modelOf(topic);
    if (!model) return;
    const authorized = this.#authorize(topic, model, object, through);
    const groupViews = isSteps(authorized) ? yield* authorized : authorized;
    for (const revision of revisions) {
      const pushes = yield* this.#pushToGroups(groupViews, model, { object, revision });
      this.#context.telemetry.record(revision.change, pushes, undefined);
    }
  }

  /** Pushes a snapshot of the object instead of single revisions. */
  *deliverSnapshot(topic: ObjectTopic, object: StoredObject, reason: SnapshotReason): Steps {
    const model = this.#modelOf(topic);
    if (!model) return;
    const authorized = this.#authorize(topic, model, object, object.rev);
    const groupViews = isSteps(authorized) ? yield* authorized : authorized;
    yield* this.#pushToGroups(groupViews, model, { object }, reason);
  }

  /** Rule PSH5. Not authorized: subscribers knew the object, and nothing is left to judge by. */
  *deliverDeletion(topic: ObjectTopic, rev: number, { change, hasGap }: Deletion): Steps<number> {
    const onceMarker = change && onceMarkerOf(change);
    let pushes = 0;
    for (const group of topic.groups.values()) {
      const prev = hasGap || group.changedAt === 0 ? rev - 1 : group.changedAt;
      const under = { names: topic.names, r: topic.r, view: group.view };
      const last = deletedFrame({ r: topic.r, rev, authorship: change, prev, under });
      const pushed = this.#pushLast(group, rev, (subscription) => {
        const frame = markedFrame(last, onceMarker, subscription.session.pushTarget);
        this.#registry.endWithPush(subscription, frame, 'deleted');
      });
      pushes += isSteps(pushed) ? yield* pushed : pushed;
    }
    return pushes;
  }

  /** Pushes an update to one subscription, or pauses it. */
  push(subscription: ObjectSubscription, frames: ObjectFrames, reason: SnapshotReason): void {
    this.#push(subscription, frames, reason);
    this.#countUpdates();
  }

  /** As `push`, but always a snapshot. True if it was pushed. */
  pushSnapshot(
    subscription: ObjectSubscription,
    frames: ObjectFrames,
    reason: SnapshotReason,
  ): boolean {
    if (!canPush(this.#context, subscription)) return false;
    const { pushTarget } = subscription.session;
    const { group } = subscription;
    pushTarget.push(markedFrame(frames.snapshot(group.view), frames.onceMarker, pushTarget));
    subscription.view = group.view;
    this.#context.metrics.pushes.add(1, 'snapshot');
    this.#context.metrics.snapshots.add(1, reason);
    subscription.rev = frames.object.rev;
    subscription.hidden = frames.visibility.hidden;
    group.changedAt = Math.max(group.changedAt, frames.changedAt);
    return true;
  }

  #authorize(
    topic: ObjectTopic,
    model: Model,
    object: StoredObject,
    through: number,
  ): ReturnType<typeof authorizeGroups<ObjectSubscription, ObjectSubscriberGroup>> {
    const isConcerned = (subscription: ObjectSubscription) => isBefore(subscription, through);
    const options = { context: this.#context, model, object };
    return authorizeGroups(topic.groups, options, isConcerned);
  }

  /** Returns the number of pushes. */
  *#pushToGroups(
    groupViews: readonly GroupView<ObjectSubscriberGroup>[],
    model: Model,
    objectUpdate: ObjectUpdate,
    reason: SnapshotReason = 'rights',
  ): Steps<number> {
    let pushes = 0;
    const known: ObjectFrames[] = [];
    for (const { group, object, view } of groupViews) {
      if (view.kind === 'refused') {
        this.#context.metrics.refusals.add();
        const rev = objectUpdate.revision?.change.rev ?? objectUpdate.object.rev;
        const pushed = this.#pushLast(group, rev, this.#registry.failing(view.error));
        if (isSteps(pushed)) yield* pushed;
        continue;
      }
      // If only a later revision is visible, that shows the fields again.
      const isVisible = object === objectUpdate.object;
      const visibility = visibilityOf(group, isVisible ? view.hidden : [...model.fields.keys()]);
      // Groups with different rights often see the same fields.
      let frames = known.find((candidate) => isSameVisibility(candidate.visibility, visibility));
      if (!frames) {
        frames = new ObjectFrames(model, visibility, objectUpdate);
        if (known.length < maxSharedVisibilities) known.push(frames);
      }
      const pushed = this.#pushToGroup(group, frames, reason);
      pushes += isSteps(pushed) ? yield* pushed : pushed;
      this.#countUpdates();
    }
    return pushes;
  }

  #pushToGroup(
    group: ObjectSubscriberGroup,
    frames: ObjectFrames,
    reason: SnapshotReason,
  ): number | Steps<number> {
    const changedAt = frames.update ? frames.rev : frames.revision ? 0 : frames.changedAt;
    group.changedAt = Math.max(group.changedAt, changedAt);
    return fanOut(this.#context.pace, group, (subscription) => {
      return isBefore(subscription, frames.rev) && this.#push(subscription, frames, reason);
    });
  }

  /** True if something was pushed; false if nothing had to be, or the subscription was paused. */
  #push(subscription: ObjectSubscription, frames: ObjectFrames, reason: SnapshotReason): boolean {
    const evt = frames.evtFor(subscription);
    if (evt === 'snapshot')
      return this.pushSnapshot(subscription, frames, frames.revision ? 'rights' : reason);
    const { view } = subscription.group;
    const frame = evt && (subscription.view === view ? frames.update : frames.updateUnder(view));
    if (frame) {
      if (!canPush(this.#context, subscription)) return false;
      const { pushTarget } = subscription.session;
      pushTarget.push(markedFrame(frame, frames.onceMarker, pushTarget));
      this.#updates += 1;
      subscription.view = view;
    }
    subscription.rev = frames.rev;
    subscription.hidden = frames.visibility.hidden;
    return frame !== undefined;
  }

  /** A last push for a group. Subscriptions with full output buffers get it later. */
  #pushLast(
    group: ObjectSubscriberGroup,
    through: number,
    end: (subscription: ObjectSubscription) => void,
  ): number | Steps<number> {
    return fanOut(this.#context.pace, group, (subscription) => {
      if (!isBefore(subscription, through) || !canPush(this.#context, subscription)) return false;
      end(subscription);
      return true;
    });
  }

  #modelOf(topic: ObjectTopic): Model | undefined {
    const model = modelOf(this.#context, topic.names);
    if (!model) this.#registry.fail(topic.subscriptions(), fail('model.unknown'));
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
