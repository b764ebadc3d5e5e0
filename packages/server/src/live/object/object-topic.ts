import type { CommittedChange } from '../../store/store.js';
import { CompactMap } from '../registry/compact-map.js';
import { SubscriberGroup, type SubscriberGroupTraits } from '../registry/subscriber-group.js';
import type { ObjectSubscriberGroup } from './object-subscription.js';

/** Changes of an object that wait because rights are being judged, or the store is being read. */
export interface ObjectBacklog {
  readonly queue: CommittedChange[];
  /** The highest revision that was announced. */
  newestRev: number;
  /** Something between the last change taken and `newest` is neither taken nor in the queue: the store has it. */
  hasGap: boolean;
}

/** An object that somebody is subscribed to. */
export class ObjectTopic {
  /** Printed. */
  readonly r: string;
  /** Of its collection; the model's own list. */
  readonly names: readonly string[];
  readonly groups = new CompactMap<ObjectSubscriberGroup>();
  /**
   * Every revision up to this one was taken: a live subscription whose cursor is below it is about to
   * hear it, and one that goes live now must have a cursor at least as high.
   */
  rev = 0;
  /** Subscriptions in the making that count on `rev` being kept up. */
  retainCount = 0;
  /** Exists only while changes cannot be taken as they come. */
  backlog: ObjectBacklog | undefined;

  constructor(r: string, names: readonly string[]) {
    this.r = r;
    this.names = names;
  }

  get isEmpty(): boolean {
    return this.groups.size === 0;
  }

  group(traits: SubscriberGroupTraits): ObjectSubscriberGroup {
    const known = this.groups.get(traits.key);
    if (known) return known;
    const group: ObjectSubscriberGroup = new SubscriberGroup(this, traits);
    this.groups.add(group);
    return group;
  }
}
