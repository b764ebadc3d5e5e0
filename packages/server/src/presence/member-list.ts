import type { Actor, JsonObject, PresenceMember } from '@really/protocol';

/** Members that are listed; of more, only the number is pushed (rule PRS8). */
export const listedMembers = 200;

interface Entry {
  readonly member: PresenceMember;
  /** The version of the list at which it changed last. */
  readonly changedAt: number;
  /** The member, and its user alone, as JSON. */
  readonly text: string;
  readonly userText: string;
}

/** A list as somebody knows it. */
export interface KnownList {
  readonly version: number;
  readonly count: number;
  /** The listed members by id. */
  readonly members: ReadonlyMap<string, Entry>;
}

/** What changed between two lists, as JSON. */
export interface RoomListChange {
  readonly joined: readonly string[];
  readonly changed: readonly string[];
  readonly left: readonly string[];
  readonly count: number;
}

/**
 * The members of a room in the order of their coming. Every change has a version, so that what
 * somebody missed follows from the list that was pushed last: a member that comes and goes in between
 * is in neither, and one that went and came again has changed.
 */
export class RoomMemberList {
  readonly #entries = new Map<string, Entry>();
  #version = 0;
  #known: KnownList = { version: 0, count: 0, members: new Map() };

  get count(): number {
    return this.#entries.size;
  }

  get version(): number {
    return this.#version;
  }

  /** Whether this member came or changed after the version. */
  isNewer(id: string, version: number): boolean {
    return (this.#entries.get(id)?.changedAt ?? 0) > version;
  }

  set(id: string, user: Actor, state: JsonObject): void {
    const member = { id, user, state };
    const text = JSON.stringify(member);
    if (this.#entries.get(id)?.text === text) return;
    this.#version += 1;
    const userText = JSON.stringify(user);
    this.#entries.set(id, { member, changedAt: this.#version, text, userText });
  }

  delete(id: string): void {
    if (this.#entries.delete(id)) this.#version += 1;
  }

  /** The listed members, for a response. */
  get members(): JsonObject[] {
    return this.#listed().map(({ member: { id, user, state } }) => {
      return { id, user: { ...user } as JsonObject, state };
    });
  }

  get known(): KnownList {
    if (this.#known.version !== this.#version) {
      const members = this.#listed().map((entry) => [entry.member.id, entry] as const);
      this.#known = { version: this.#version, count: this.count, members: new Map(members) };
    }
    return this.#known;
  }

  /** What changed since the list was as given; `undefined`: nothing. */
  changesSince(known: KnownList): RoomListChange | undefined {
    if (known.version === this.#version) return undefined;
    const now = this.known;
    const joined: string[] = [];
    const changed: string[] = [];
    for (const [id, entry] of now.members) {
      const before = known.members.get(id);
      if (before === undefined) joined.push(entry.text);
      else if (before.text !== entry.text) changed.push(changeText(entry, before));
    }
    const left = [...known.members.keys()].filter((id) => !now.members.has(id));
    const isNothing = joined.length + changed.length + left.length === 0;
    if (isNothing && now.count === known.count) return undefined;
    return { joined, changed, left, count: now.count };
  }

  #listed(): Entry[] {
    const listed: Entry[] = [];
    for (const entry of this.#entries.values()) {
      if (listed.length === listedMembers) break;
      listed.push(entry);
    }
    return listed;
  }
}

/** The whole state; the user only where it changed, which a renewed token can do. */
function changeText({ member, userText }: Entry, before: Entry): string {
  const { id, user, state } = member;
  return JSON.stringify(userText === before.userText ? { id, state } : { id, state, user });
}
