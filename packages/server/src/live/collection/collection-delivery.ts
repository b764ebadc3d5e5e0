import { type Actor, fail } from '@really/protocol';
import { type View, visibleBody } from '../../model/view/view.js';
import type { Steps } from '../../platform/scheduling/tick-slice.js';
import type { Span } from '../../platform/tracing.js';
import type { CommittedChange, CreatedEntry, Pos, StoredObject } from '../../store/store.js';
import { type LiveContext, modelOf } from '../live-context.js';
import type { Positions } from '../position.js';
import { authorizeGroups, type GroupView } from '../push/authorize-groups.js';
import { groupWork } from '../push/fan-out-pace.js';
import type { Frame } from '../push/frame.js';
import { type OnceMarker, onceMarkerOf } from '../push/once-marker.js';
import { createdFrame } from '../push/push-message.js';
import type { SubscriptionRegistry } from '../registry/subscription-registry.js';
import type {
  CollectionSubscriberGroup,
  CollectionSubscription,
  CollectionTopic,
} from './collection-subscription.js';

/** A creation to push. */
export interface Creation {
  readonly pos: Pos;
  /** Time of the creation, in milliseconds. */
  readonly at: number;
  /** As in `CommittedChange`. */
  readonly trace: string | undefined;
  readonly by: Actor;
  /** As in `Change`. */
  readonly once: string | undefined;
  /**
   * The object as created, or as it is now if delivered late: used for authorization and as the
   * body.
   */
  readonly object: StoredObject;
}

function recordOf({ object, at, trace }: Creation) {
  return { r: object.r, at, trace };
}

export function creationOf(source: CommittedChange | CreatedEntry): Creation {
  const { pos, object } = source;
  const { by, at, once } = 'change' in source ? source.change : source;
  return { pos, at, by, once, object, trace: 'trace' in source ? source.trace : undefined };
}

/**
 * Pushes creations: authorized and encoded once per subscriber group, yielding the event loop if
 * there are many (rule LIM42).
 */
export class CollectionDelivery {
  readonly #context: LiveContext;
  readonly #registry: SubscriptionRegistry;

  constructor(context: LiveContext, registry: SubscriptionRegistry) {
    this.#context = context;
    this.#registry = registry;
  }

  /**
   * Pushes to all live subscriptions. `undefined` if that was done synchronously; otherwise it is
   * done when the promise resolves.
   */
  deliver(topic: CollectionTopic, creation: Creation): Promise<void> | undefined {
    return this.#context.slice.run(this.#deliver(topic, creation));
  }

  *#deliver(topic: CollectionTopic, creation: Creation): Steps {
    const model = modelOf(this.#context, topic.scope.names);
    if (!model) {
      const subscriptions = topic.groups.values().flatMap(({ members }) => [...members]);
      this.#registry.fail(subscriptions, fail('model.unknown'));
      return;
    }
    const { object, pos } = creation;
    const span = topic.isEmpty ? undefined : this.#context.telemetry.start(recordOf(creation));
    const options = { model, object, portion: this.#context.pace.groups };
    const groupViews = yield* authorizeGroups(topic.groups, options, (subscription) =>
      isBefore(subscription, pos),
    );
    yield* this.#pushToGroups(groupViews, creation, span);
  }

  /** Pushes to one subscription. False if its output buffer is full. */
  push(subscription: CollectionSubscription, frames: CreationFrames): boolean {
    const frame = frames.frameFor(subscription);
    if (frame) {
      const { pushTarget } = subscription.session;
      if (pushTarget.congested) return false;
      pushTarget.push(frames.onceMarker ? frames.onceMarker.frameFor(frame, pushTarget) : frame);
      this.#context.metrics.pushes.add(1, 'created');
      subscription.view = subscription.group.view;
    }
    subscription.pos = frames.pos;
    return true;
  }

  *#pushToGroups(
    groupViews: readonly GroupView<CollectionSubscriberGroup>[],
    creation: Creation,
    span: Span | undefined,
  ): Steps {
    const { pace } = this.#context;
    const { portion } = pace;
    let pushes = 0;
    for (const { group, view } of groupViews) {
      const frames = new CreationFrames(this.#context, group, { creation, view });
      if (pace.isDue(groupWork)) yield;
      for (let end = group.members.length; end > 0; end -= portion) {
        pushes += this.#pushPortion(group, frames, end);
        if (pace.isDue(Math.min(end, portion))) yield;
      }
    }
    this.#context.telemetry.record(recordOf(creation), pushes, span);
  }

  /** Pushes to a portion of a group; returns the number of pushes. */
  #pushPortion(
    { members }: CollectionSubscriberGroup,
    frames: CreationFrames,
    end: number,
  ): number {
    let pushes = 0;
    const begin = Math.max(0, end - this.#context.pace.portion);
    for (let index = Math.min(end, members.length) - 1; index >= begin; index--) {
      const subscription = members[index];
      if (!subscription || !isBefore(subscription, frames.pos)) continue;
      if (!this.push(subscription, frames)) this.#pause(subscription, frames.pos);
      else if (frames.areVisible) pushes += 1;
    }
    return pushes;
  }

  /** Sets the cursor: a live subscription has received everything before. */
  #pause(subscription: CollectionSubscription, before: Pos): void {
    subscription.progress = 'paused';
    subscription.pos = before - 1;
    this.#context.metrics.pauses.add();
  }
}

/** The frames of a creation for one group. */
export class CreationFrames {
  readonly pos: Pos;
  /** Adds the once-id for the author. */
  readonly onceMarker: OnceMarker | undefined;
  readonly #positions: Positions;
  readonly #group: CollectionSubscriberGroup;
  readonly #creation: Creation;
  /** `undefined`: the group may not see the object, and nothing is pushed. */
  readonly #hidden: readonly string[] | undefined;
  #shared: Frame | undefined;
  #underView: Frame | undefined;

  constructor(
    { positions }: { readonly positions: Positions },
    group: CollectionSubscriberGroup,
    { creation, view }: { creation: Creation; view: View },
  ) {
    this.#positions = positions;
    this.#group = group;
    this.#creation = creation;
    this.#hidden = view.kind === 'visible' ? view.hidden : undefined;
    this.pos = creation.pos;
    this.onceMarker = onceMarkerOf(creation);
  }

  /** Whether the group may see the object. */
  get areVisible(): boolean {
    return this.#hidden !== undefined;
  }

  /** A frame shared by all that know their view; `undefined` if they may not see the object. */
  frameFor({ view }: CollectionSubscription): Frame | undefined {
    if (!this.#hidden) return undefined;
    if (view !== this.#group.view) {
      this.#underView ??= this.#encode(this.#hidden, true);
      return this.#underView;
    }
    this.#shared ??= this.#encode(this.#hidden, false);
    return this.#shared;
  }

  #encode(hidden: readonly string[], isOtherView: boolean): Frame {
    const { by, pos, object } = this.#creation;
    const { topic, fields, view } = this.#group;
    const body = visibleBody(object, fields, hidden);
    const position = this.#positions.text({ pos, view });
    return createdFrame({ r: topic.r, by, pos, position, view, isOtherView, body });
  }
}

function isBefore(subscription: CollectionSubscription, pos: Pos): boolean {
  return subscription.progress === 'live' && subscription.pos < pos;
}
