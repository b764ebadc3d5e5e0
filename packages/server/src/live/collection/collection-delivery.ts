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

/** An object that was created. */
export interface Creation {
  readonly pos: Pos;
  /** When it was created. */
  readonly at: number;
  /** As in `CommittedChange`. */
  readonly trace: string | undefined;
  readonly by: Actor;
  /** As in `Change`. */
  readonly once: string | undefined;
  /** As created, or, where it is told late, as it is now: rights are judged by it, and it is what is told. */
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

/** Tells of objects that were created: judged and encoded once for each audience, in more than one turn of the event loop where these are many (rule LIM42). */
export class CollectionDelivery {
  readonly #context: LiveContext;
  readonly #registry: SubscriptionRegistry;

  constructor(context: LiveContext, registry: SubscriptionRegistry) {
    this.#context = context;
    this.#registry = registry;
  }

  /**
   * Tells everybody who is live: at once, where rights can be judged in place and not too many hear it; otherwise everybody has
   * heard it when the promise resolves.
   */
  deliver(topic: CollectionTopic, creation: Creation): Promise<void> | undefined {
    return this.#context.slice.run(this.#tell(topic, creation));
  }

  *#tell(topic: CollectionTopic, creation: Creation): Steps {
    const model = modelOf(this.#context, topic.scope.names);
    if (!model) {
      const everybody = topic.groups.values().flatMap(({ members }) => [...members]);
      this.#registry.fail(everybody, fail('model.unknown'));
      return;
    }
    const { object, pos } = creation;
    const span = topic.isEmpty ? undefined : this.#context.telemetry.start(recordOf(creation));
    const judged = { model, object, portion: this.#context.pace.groups };
    const groupViews = yield* authorizeGroups(topic.groups, judged, (subscription) =>
      isBefore(subscription, pos),
    );
    yield* this.#pushToGroups(groupViews, creation, span);
  }

  /** Tells one subscription. False where its connection has to take some output first. */
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
        pushes += this.#spread(group, frames, end);
        if (pace.isDue(Math.min(end, portion))) yield;
      }
    }
    this.#context.telemetry.record(recordOf(creation), pushes, span);
  }

  /** Tells a portion of an audience; the answer is how many were pushed to. */
  #spread({ members }: CollectionSubscriberGroup, frames: CreationFrames, end: number): number {
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

  /** Until here it has heard everything: it was live. */
  #pause(subscription: CollectionSubscription, before: Pos): void {
    subscription.progress = 'paused';
    subscription.pos = before - 1;
    this.#context.metrics.pauses.add();
  }
}

/** What those of one audience are sent of a creation. */
export class CreationFrames {
  readonly pos: Pos;
  /** For the author. */
  readonly onceMarker: OnceMarker | undefined;
  readonly #positions: Positions;
  readonly #group: CollectionSubscriberGroup;
  readonly #creation: Creation;
  /** `undefined`: they may not see it, and so it is not told. */
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

  /** Whether they may see it. */
  get areVisible(): boolean {
    return this.#hidden !== undefined;
  }

  /** One for all who know of their view; `undefined` where they may not see it. */
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
