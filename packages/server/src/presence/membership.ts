import type { Auth, JsonObject } from '@really/protocol';
import type { Frame } from '../live/push/frame.js';
import type { PushTarget } from '../live/push-target.js';
import { ownerOf } from '../queries/owner.js';
import type { KnownList, RoomMemberList } from './member-list.js';
import type { RoomTopic } from './room-rights.js';

/** Pushes that may wait until it is known whether they may still be sent. */
const maxHeld = 64;
const maxHeldBytes = 256 * 1024;

/** Why nothing may be sent now: its rights are checked again, or its connection resumes. */
export type HoldReason = 'rights' | 'resume';

/** A push that waits, and the last response that it waits for. */
interface HeldFrame {
  readonly frame: Frame;
  readonly after: number;
}

/** The room of a membership, as far as it matters to it. */
export interface JoinedRoomState {
  readonly list: RoomMemberList;
  readonly isEmpty: boolean;
  /** True while pushes are on their way to watchers. */
  readonly isDelivering: boolean;
  remove(membership: Membership): void;
  /** Sends it the whole list. */
  sendList(membership: Membership): void;
  /** It got less than the others. */
  onBehind(): void;
}

/** A connection in the room of an object. */
export class Membership {
  readonly kind = 'object';
  readonly connection: RoomConnection;
  readonly topic: RoomTopic;
  /** `undefined`: it only watches. */
  state: JsonObject | undefined;
  /** `undefined` before it is in the room, and when it no longer is. */
  room: JoinedRoomState | undefined;
  /** The list that it knows, if not the one that was pushed to all last. */
  known: KnownList | undefined;
  /** Something was left out: the whole list has to follow before anything else (rule PRS7). */
  isBehind = false;
  /** Incremented when its rights may have changed. */
  rightsVersion = 0;
  /** Bytes charged for its state. */
  charged = 0;
  readonly #holds = new Set<HoldReason>();
  /** Numbers of the responses that are not queued yet, in order. */
  readonly #unanswered = new Set<number>();
  #lastCommand = 0;
  #held: HeldFrame[] = [];
  #heldBytes = 0;
  /** The push that ends it, which waits for responses. */
  #last: HeldFrame | undefined;

  constructor(connection: RoomConnection, topic: RoomTopic, state: JsonObject | undefined) {
    this.connection = connection;
    this.topic = topic;
    this.state = state;
  }

  /** As of a subscription: whose rights count. */
  get session(): { readonly pushTarget: { readonly auth: Auth } } {
    return { pushTarget: this.connection };
  }

  get r(): string {
    return this.topic.r;
  }

  get isHeld(): boolean {
    return this.#holds.size > 0 || this.#unanswered.size > 0;
  }

  isHeldFor(reason: HoldReason): boolean {
    return this.#holds.has(reason);
  }

  /** Nothing is sent until `release` was called with the same reason. */
  hold(reason: HoldReason): void {
    this.#holds.add(reason);
  }

  release(reason: HoldReason): void {
    if (this.#holds.delete(reason)) this.#sendHeld();
  }

  /**
   * The pushes from now on wait for the response to a command, until the returned function is
   * called: it is queued. Each waits for the commands before it and not for later ones, so that a
   * client that sends without a pause still receives pushes.
   */
  holdUntilAnswered(): () => void {
    const command = ++this.#lastCommand;
    this.#unanswered.add(command);
    return () => {
      if (this.#unanswered.delete(command)) this.#answered();
    };
  }

  /** No response is to come: its target gets pushes only. */
  releaseAnswers(): void {
    this.#unanswered.clear();
    this.#answered();
  }

  /** Its connection dropped: no response follows, and a resume begins again. */
  detach(): void {
    this.#unanswered.clear();
    this.#holds.delete('resume');
    this.#dropHeld();
    this.#last = undefined;
    this.isBehind = false;
  }

  /** Sends a push, or leaves it out: then the whole list follows. */
  offer(frame: Frame): void {
    if (this.isBehind || !this.connection.target || !this.room) return;
    if (this.isHeld) this.#keep(frame);
    else this.#send(frame);
  }

  /** It gets the whole list again: what waits is older. `isDelivering`: so may be what is on its way. */
  restartAt(known: KnownList, isDelivering: boolean): void {
    this.#dropHeld();
    this.known = known;
    if (isDelivering) this.fallBehind();
    else this.isBehind = false;
  }

  fallBehind(): void {
    this.isBehind = true;
    this.#dropHeld();
    this.room?.onBehind();
  }

  /** Sends the whole list in place of what was left out. False if output still waits. */
  catchUp(list: Frame, known: KnownList): boolean {
    if (this.isHeld || !this.connection.target?.pushEphemeral?.(list)) return false;
    this.isBehind = false;
    this.known = known;
    return true;
  }

  /** The last push, whatever is held: only responses come before it. */
  sendLast(frame: Frame): void {
    this.#dropHeld();
    if (this.#unanswered.size > 0) this.#last = { frame, after: this.#lastCommand };
    else this.#sendNow(frame);
  }

  #sendNow(last: Frame): void {
    this.#last = undefined;
    this.connection.target?.pushEphemeral?.(last, true);
  }

  #send(frame: Frame): void {
    if (!this.connection.target?.pushEphemeral?.(frame)) this.fallBehind();
  }

  #answered(): void {
    if (this.#last && this.#isAnswered(this.#last)) this.#sendNow(this.#last.frame);
    this.#sendHeld();
  }

  #sendHeld(): void {
    if (this.#holds.size > 0) return;
    if (this.isBehind || !this.room) this.#dropHeld();
    let [first] = this.#held;
    while (first && this.#isAnswered(first)) {
      this.#held.shift();
      this.#heldBytes -= first.frame.bytes.length;
      this.#send(first.frame);
      [first] = this.#held;
    }
  }

  #isAnswered({ after }: HeldFrame): boolean {
    const [oldest = Number.POSITIVE_INFINITY] = this.#unanswered;
    return after < oldest;
  }

  #keep(frame: Frame): void {
    this.#held.push({ frame, after: this.#lastCommand });
    this.#heldBytes += frame.bytes.length;
    if (this.#held.length > maxHeld || this.#heldBytes > maxHeldBytes) this.fallBehind();
  }

  #dropHeld(): void {
    this.#held = [];
    this.#heldBytes = 0;
  }
}

/** A connection in rooms. It outlives its socket by the time in which it may be resumed. */
export class RoomConnection {
  /** How others know it (rule PRS2): random, so that it reveals nothing of the connection-handle. */
  readonly id: string;
  /** The client that pays for it: see `ownerOf`. */
  readonly owner: string;
  readonly memberships = new Map<string, Membership>();
  /** Those whose rights are checked before they are in their rooms. */
  readonly joining = new Set<Membership>();
  pendingJoins = 0;
  /**
   * `attached`: it has a socket; `detached`: its members wait for it to resume; `away`: they have
   * left meanwhile; `ended`: it cannot resume.
   */
  state: 'attached' | 'detached' | 'away' | 'ended' = 'attached';
  #target: PushTarget | undefined;
  /** While it has no target: rights are judged by it (rule PRS10). */
  #auth: Auth;

  constructor(id: string, target: PushTarget) {
    this.id = id;
    this.#target = target;
    this.#auth = target.auth;
    this.owner = ownerOf(target);
  }

  get auth(): Auth {
    return this.#target?.auth ?? this.#auth;
  }

  get target(): PushTarget | undefined {
    return this.#target;
  }

  /** Approximate bytes of memory of what is kept to resume it. */
  get bytes(): number {
    let bytes = 512;
    for (const { charged } of this.memberships.values()) bytes += charged;
    return bytes;
  }

  attach(target: PushTarget): void {
    this.#target = target;
    this.state = 'attached';
  }

  detach(state: 'detached' | 'ended'): void {
    if (this.#target) this.#auth = this.#target.auth;
    this.#target = undefined;
    this.state = state;
  }
}
