import type { LiveSession } from '../registry/live-session.js';
import type { SubscriberGroup } from '../registry/subscriber-group.js';
import type { ObjectTopic } from './object-topic.js';

/**
 * How far a subscription is on its way:
 *
 * - `waiting`: made, but the answer that says so is not queued yet;
 * - `live`: hears each change of its topic as it comes;
 * - `behind`: something is being read from the store for it;
 * - `paused`: as `behind`, but its connection has to take some output first;
 * - `ended`.
 *
 * waiting → live | behind; live → behind | paused; behind ⇄ paused; behind → live; behind and live →
 * waiting again, where more fields are asked for; any → ended.
 */
export type SubscriptionProgress = 'waiting' | 'live' | 'behind' | 'paused' | 'ended';

/**
 * What it is owed when it is not live: each revision after its cursor; a snapshot, because it is new,
 * has more fields now, or was told what it has under another view, and nobody knows what it saw then; or a snapshot if anything changed that it may see, as everybody who was live.
 */
export type CatchUpMode = 'revisions' | 'first' | 'widened' | 'renewed' | 'changes';

/** One connection's subscription to one object. Kept small: there are as many as there are clients. */
export class ObjectSubscription {
  readonly session: LiveSession;
  group: ObjectSubscriberGroup;
  slot = 0;
  progress: SubscriptionProgress = 'waiting';
  catchUpMode: CatchUpMode;
  /** Its cursor: it has heard, or was not concerned by, every revision up to this one. */
  rev: number;
  /** The fields that were hidden from it at that revision; `undefined` where nobody knows. */
  hidden: readonly string[] | undefined;
  /** Goes up whenever work for it that is under way has lost its point. */
  generation = 0;

  /** The view that its client knows of. */
  view: string;

  constructor(
    session: LiveSession,
    group: ObjectSubscriberGroup,
    { catchUpMode, rev }: { catchUpMode: CatchUpMode; rev: number },
  ) {
    this.session = session;
    this.group = group;
    this.view = group.view;
    this.catchUpMode = catchUpMode;
    this.rev = rev;
  }

  get kind(): 'object' {
    return 'object';
  }

  get topic(): ObjectTopic {
    return this.group.topic;
  }

  get key(): string {
    return this.topic.r;
  }
}

export type ObjectSubscriberGroup = SubscriberGroup<ObjectSubscription, ObjectTopic>;
