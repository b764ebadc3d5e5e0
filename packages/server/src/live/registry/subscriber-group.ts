import type { Auth } from '@really/protocol';
import type { LookupFinder } from '../../model/lookups/lookup.js';
import type { LookupRecorder } from '../lookups/lookup-recorder.js';

/** A member of a subscriber group. */
export interface GroupMember {
  /** Index in `members`; maintained by the group. */
  slot: number;
}

/** A list that its members leave without a search. */
export class MemberList<M extends GroupMember> {
  /** Allocated with the first member: most groups have only one. */
  #members: M[] | undefined;

  get members(): readonly M[] {
    return this.#members ?? noMembers;
  }

  get isEmpty(): boolean {
    return this.members.length === 0;
  }

  add(member: M): void {
    member.slot = this.members.length;
    if (this.#members) this.#members.push(member);
    else this.#members = [member];
  }

  /**
   * Moves the last member into the free slot. So a loop over `members` from the end to the start
   * skips nobody when members leave, but may visit a member twice. Nothing happens if it is not there.
   */
  remove(member: M): void {
    if (this.#members?.[member.slot] !== member) return;
    const last = this.#members.pop();
    if (last === undefined || last === member) return;
    last.slot = member.slot;
    this.#members[member.slot] = last;
  }
}

/** What distinguishes a group from the others of its topic. */
export interface SubscriberGroupTraits {
  readonly key: string;
  /** `auth` of the first member: the others have the same rights. */
  readonly auth: Auth;
  /** See `ViewTexts`. */
  readonly view: string;
  /** See `ViewAt`. */
  readonly finder?: LookupFinder | undefined;
  /** For objects: their finder, if what is looked up is known only when they are authorized. */
  readonly recorder?: LookupRecorder | undefined;
  /** In the order of the model; `undefined`: all. */
  readonly fields: readonly string[] | undefined;
}

/** Subscribers of one topic with the same fields and rights: they share results and frames. */
export class SubscriberGroup<M extends GroupMember, T>
  extends MemberList<M>
  implements SubscriberGroupTraits
{
  readonly topic: T;
  readonly key: string;
  readonly auth: Auth;
  readonly view: string;
  readonly finder: LookupFinder | undefined;
  readonly recorder: LookupRecorder | undefined;
  readonly fields: readonly string[] | undefined;
  /** Of the last authorization: the same list object as long as its content is the same. */
  hidden: readonly string[] = nothingHidden;
  /** For objects: the last revision that changed a visible field; 0 if unknown. */
  changedAt = 0;

  constructor(topic: T, traits: SubscriberGroupTraits) {
    super();
    this.topic = topic;
    this.key = traits.key;
    this.auth = traits.auth;
    this.view = traits.view;
    this.finder = traits.finder;
    this.recorder = traits.recorder;
    this.fields = traits.fields;
  }
}

const noMembers: readonly never[] = [];

export const nothingHidden: readonly string[] = [];
