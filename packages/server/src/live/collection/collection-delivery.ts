import { type Actor, fail } from '@really/protocol';
import { visibleBody } from '../../model/view/view.js';
import { isSteps, type Steps } from '../../platform/scheduling/tick-slice.js';
import type { CreatedEntry } from '../../store/store-reads.js';
import type { CommittedChange, Pos, StoredObject } from '../../store/stored-object.js';
import { type LiveContext, modelOf } from '../live-context.js';
import { authorizeGroups } from '../push/authorize-groups.js';
import { canPush, fanOut } from '../push/fan-out.js';
import type { Frame } from '../push/frame.js';
import { markedFrame, type OnceMarker, onceMarkerOf } from '../push/once-marker.js';
import { createdFrame } from '../push/push-message.js';
import type { RevisionView } from '../push/view-now.js';
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
  /** As created, or as it is now if delivered late: used for authorization and as the body. */
  readonly object: StoredObject;
}

export function creationOf(source: CommittedChange | CreatedEntry): Creation {
  const { pos, object } = source;
  const { by, at, once } = 'change' in source ? source.change : source;
  return { pos, at, by, once, object, trace: 'trace' in source ? source.trace : undefined };
}

/** Pushes creations: authorized and encoded once per group, in slices (rule LIM42). */
export class CollectionDelivery {
  readonly #context: LiveContext;
  readonly #registry: SubscriptionRegistry;

  constructor(context: LiveContext, registry: SubscriptionRegistry) {
    this.#context = context;
    this.#registry = registry;
  }

  /** Pushes to all live subscriptions. */
  *deliver(topic: CollectionTopic, creation: Creation): Steps {
    const model = modelOf(this.#context, topic.scope.names);
    if (!model) {
      this.#registry.fail(topic.subscriptions(), fail('model.unknown'));
      return;
    }
    const context = this.#context;
    const { object, pos, trace } = creation;
    const span = topic.isEmpty ? undefined : context.telemetry.start({ r: object.r, trace });
    const options = { context, model, object };
    const authorized = authorizeGroups(topic.groups, options, (subscription) =>
      isBefore(subscription, pos),
    );
    const groupViews = isSteps(authorized) ? yield* authorized : authorized;
    let pushes = 0;
    for (const { group, ...sight } of groupViews) {
      const frames = new CreationFrames(context, group, { creation, sight });
      const pushed = fanOut(context.pace, group, (subscription) => {
        return isBefore(subscription, pos) && this.push(subscription, frames);
      });
      pushes += isSteps(pushed) ? yield* pushed : pushed;
    }
    context.telemetry.record(creation, pushes, span);
  }

  /** Pushes to one subscription, or pauses it. True if it was pushed. */
  push(subscription: CollectionSubscription, frames: CreationFrames): boolean {
    const frame = frames.frameFor(subscription);
    if (frame) {
      // A live subscription has received everything before.
      if (subscription.progress === 'live') subscription.pos = frames.pos - 1;
      if (!canPush(this.#context, subscription)) return false;
      const { pushTarget } = subscription.session;
      pushTarget.push(markedFrame(frame, frames.onceMarker, pushTarget));
      this.#context.metrics.pushes.add(1, 'created');
      subscription.view = subscription.group.view;
    }
    subscription.pos = frames.pos;
    return frame !== undefined;
  }
}

/** The frames of a creation for one group. */
export class CreationFrames {
  readonly pos: Pos;
  /** Adds the once-id for the author. */
  readonly onceMarker: OnceMarker | undefined;
  readonly #positions: LiveContext['positions'];
  readonly #group: CollectionSubscriberGroup;
  readonly #creation: Creation;
  /** `undefined`: the group may not see the object, and nothing is pushed. */
  readonly #hidden: readonly string[] | undefined;
  #shared: Frame | undefined;
  #underView: Frame | undefined;

  constructor(
    { positions }: Pick<LiveContext, 'positions'>,
    group: CollectionSubscriberGroup,
    { creation, sight }: { readonly creation: Creation; readonly sight: RevisionView },
  ) {
    this.#positions = positions;
    this.#group = group;
    const { object, view } = sight;
    this.#creation = { ...creation, object };
    this.#hidden = view.kind === 'visible' ? view.hidden : undefined;
    this.pos = creation.pos;
    this.onceMarker = onceMarkerOf(creation);
  }

  /** A frame shared by all that know their view; `undefined` if they may not see the object. */
  frameFor({ view }: CollectionSubscription): Frame | undefined {
    if (!this.#hidden) return undefined;
    if (view === this.#group.view) {
      this.#shared ??= this.#encode(this.#hidden, false);
      return this.#shared;
    }
    this.#underView ??= this.#encode(this.#hidden, true);
    return this.#underView;
  }

  #encode(hidden: readonly string[], isOtherView: boolean): Frame {
    const { pos, object } = this.#creation;
    const authorship = this.#creation;
    const { topic, fields, view } = this.#group;
    const body = visibleBody(object, fields, hidden);
    const position = this.#positions.text({ pos, view });
    return createdFrame({ r: topic.r, authorship, pos, position, view, isOtherView, body });
  }
}

function isBefore(subscription: CollectionSubscription, pos: Pos): boolean {
  return subscription.progress === 'live' && subscription.pos < pos;
}
