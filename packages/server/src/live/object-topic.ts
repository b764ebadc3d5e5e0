import type { CommittedChange } from '../store/store.js';
import { Audience, type AudienceTraits } from './audience.js';
import { KeyedSet } from './keyed-set.js';
import type { ObjectAudience } from './object-subscription.js';

/** Changes of an object that wait because rights are being judged, or the store is being read. */
export interface ObjectWork {
  readonly queue: CommittedChange[];
  /** The highest revision that was announced. */
  newest: number;
  /** Something between the last change taken and `newest` is neither taken nor in the queue: the store has it. */
  missed: boolean;
}

/** An object that somebody is subscribed to. */
export class ObjectTopic {
  /** Printed. */
  readonly r: string;
  /** Of its collection; the model's own list. */
  readonly names: readonly string[];
  readonly audiences = new KeyedSet<ObjectAudience>();
  /**
   * Every revision up to this one was taken: a live subscription whose cursor is below it is about to
   * hear it, and one that goes live now must have a cursor at least as high.
   */
  rev = 0;
  /** Subscriptions in the making that count on `rev` being kept up. */
  holds = 0;
  /** Exists only while changes cannot be taken as they come. */
  work: ObjectWork | undefined;

  constructor(r: string, names: readonly string[]) {
    this.r = r;
    this.names = names;
  }

  get isDeserted(): boolean {
    return this.audiences.size === 0;
  }

  audience(traits: AudienceTraits): ObjectAudience {
    const known = this.audiences.get(traits.key);
    if (known) return known;
    const audience: ObjectAudience = new Audience(this, traits);
    this.audiences.add(audience);
    return audience;
  }
}
