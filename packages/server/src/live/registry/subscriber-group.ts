import type { Auth } from '@really/protocol';

/** What an audience asks of its members. */
export interface GroupMember {
  /** Where it sits in `members`; the audience's own bookkeeping. */
  slot: number;
}

/** How an audience differs from the others of its topic. */
export interface SubscriberGroupTraits {
  readonly key: string;
  /** Of the one who came first: the others are alike where it matters. */
  readonly auth: Auth;
  /** See `ViewTexts`. */
  readonly view: string;
  /** In the order of the model; `undefined`: all. */
  readonly fields: readonly string[] | undefined;
}

/**
 * Subscribers of one topic who are alike in the fields they asked for and in the parts of `auth` that
 * rights depend on. They share each verdict and each encoded push.
 */
export class SubscriberGroup<M extends GroupMember, T> implements SubscriberGroupTraits {
  readonly topic: T;
  readonly key: string;
  readonly auth: Auth;
  readonly view: string;
  readonly fields: readonly string[] | undefined;
  /** Made with the first member, and to its measure: most audiences have only one. */
  #members: M[] | undefined;
  /** The fields of the last verdict that were hidden: one list for as long as they stay the same. */
  hidden: readonly string[] = nothingHidden;
  /** Of an object: the last revision that changed anything it may see; 0 where nobody knows. */
  changedAt = 0;

  constructor(topic: T, traits: SubscriberGroupTraits) {
    this.topic = topic;
    this.key = traits.key;
    this.auth = traits.auth;
    this.view = traits.view;
    this.fields = traits.fields;
  }

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
   * The last member takes the place of the one that leaves. A loop over `members` from the end to the
   * start therefore misses nobody, whoever leaves meanwhile; it may meet somebody twice.
   */
  remove(member: M): void {
    const last = this.#members?.pop();
    if (!this.#members || last === undefined || last === member) return;
    last.slot = member.slot;
    this.#members[member.slot] = last;
  }
}

const noMembers: readonly never[] = [];

export const nothingHidden: readonly string[] = [];

/** Equal for those who belong to one audience. */
export function groupKeyOf(fields: readonly string[] | undefined, view: string): string {
  return `${fields === undefined ? '*' : JSON.stringify(fields)}${view}`;
}
