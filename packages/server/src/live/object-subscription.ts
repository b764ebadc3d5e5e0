import type { Audience } from './audience.js';
import type { ObjectTopic } from './object-topic.js';
import type { Session } from './session.js';

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
export type Progress = 'waiting' | 'live' | 'behind' | 'paused' | 'ended';

/**
 * What it is owed when it is not live: each revision after its cursor; a snapshot, because it is new,
 * has more fields now, or was told what it has under another view, and nobody knows what it saw then; or a snapshot if anything changed that it may see, as everybody who was live.
 */
export type Owed = 'revisions' | 'first' | 'widened' | 'renewed' | 'changes';

/** One connection's subscription to one object. Kept small: there are as many as there are clients. */
export class ObjectSubscription {
  readonly session: Session;
  audience: ObjectAudience;
  place = 0;
  progress: Progress = 'waiting';
  owed: Owed;
  /** Its cursor: it has heard, or was not concerned by, every revision up to this one. */
  rev: number;
  /** The fields that were hidden from it at that revision; `undefined` where nobody knows. */
  hidden: readonly string[] | undefined;
  /** Goes up whenever work for it that is under way has lost its point. */
  round = 0;

  /** The view that its client knows of. */
  view: string;

  constructor(
    session: Session,
    audience: ObjectAudience,
    { owed, rev }: { owed: Owed; rev: number },
  ) {
    this.session = session;
    this.audience = audience;
    this.view = audience.view;
    this.owed = owed;
    this.rev = rev;
  }

  get kind(): 'object' {
    return 'object';
  }

  get topic(): ObjectTopic {
    return this.audience.topic;
  }

  get key(): string {
    return this.topic.r;
  }
}

export type ObjectAudience = Audience<ObjectSubscription, ObjectTopic>;
