import type { CommittedChange } from '../../store/stored-object.js';
import type { SubscriberGroup } from '../registry/subscriber-group.js';
import type { SubscriptionOwner } from '../registry/subscription-owner.js';
import { TopicSubscription } from '../registry/topic-subscription.js';
import { GroupedTopic } from '../registry/topics.js';

/**
 * What to send a subscription to make it live:
 *
 * - `revisions`: each revision after its cursor;
 * - `first`, `widened`, `renewed`: a snapshot, because it is new, has more fields than its client
 *   knows of, or its previous view is unknown;
 * - `changes`: a snapshot if anything visible changed.
 */
export type CatchUpMode = 'revisions' | 'first' | 'widened' | 'renewed' | 'changes';

/** One connection's subscription to one object. Kept small: there may be one per client. */
export class ObjectSubscription extends TopicSubscription<ObjectSubscriberGroup> {
  catchUpMode: CatchUpMode;
  /** Its cursor: it has received every revision up to here that concerns it. */
  rev: number;
  /** The fields hidden from it at `rev`; `undefined` if unknown. */
  hidden: readonly string[] | undefined;

  constructor(
    session: SubscriptionOwner,
    group: ObjectSubscriberGroup,
    { catchUpMode, rev }: { catchUpMode: CatchUpMode; rev: number },
  ) {
    super(session, group);
    this.catchUpMode = catchUpMode;
    this.rev = rev;
  }

  get kind(): 'object' {
    return 'object';
  }
}

export type ObjectSubscriberGroup = SubscriberGroup<ObjectSubscription, ObjectTopic>;

/** Changes that wait for authorization or for a read of the store. */
export interface ObjectBacklog {
  readonly queue: CommittedChange[];
  /** The highest observed revision. */
  newestRev: number;
  /** Some revision up to `newestRev` is neither applied nor queued: it is read from the store. */
  hasGap: boolean;
}

/** An object with subscribers. */
export class ObjectTopic extends GroupedTopic<ObjectSubscription> {
  /** The names of its collection; the model's own list. */
  readonly names: readonly string[];
  /**
   * Every revision up to this one was applied: a live subscription with a lower cursor is about to
   * receive it, and a subscription must have reached it to go live.
   */
  rev = 0;
  /** Exists only while changes cannot be applied at once. */
  backlog: ObjectBacklog | undefined;

  constructor(r: string, names: readonly string[]) {
    super(r);
    this.names = names;
  }
}
