import type { RoomBusMessage, RoomSending } from '../bus/room-bus.js';
import type { Frame } from '../live/push/frame.js';
import type { Timer, Timers } from '../platform/platform.js';
import type { InFlight } from '../platform/scheduling/in-flight.js';
import type { Steps, TickSlice } from '../platform/scheduling/tick-slice.js';
import { type KnownList, RoomMemberList } from './member-list.js';
import type { Membership } from './membership.js';
import { changeFrame, listFrame, sentFrame } from './room-frames.js';
import type { RoomMetrics } from './room-metrics.js';

/** Milliseconds in which the changes of a room are gathered (rule PRS6). */
export const roomTick = 50;

/** Members pushed to before yielding. */
const portion = 256;

/** Lists, other than the one pushed last, from which the difference is worked out in a tick. */
const maxDifferences = 8;

/** Pushes that may wait for their turn in the event loop before messages are refused. */
const maxQueued = 64;

export interface RoomDeps {
  readonly timers: Timers;
  readonly slice: TickSlice;
  readonly metrics: RoomMetrics;
  readonly inFlight: InFlight;
}

interface Delivery {
  readonly evt: string;
  readonly members: readonly Membership[];
  readonly deliver: (member: Membership) => void;
}

/** An object's room on this node: gathers changes for a tick, and pushes them to every watcher. */
export class ObjectRoom {
  readonly r: string;
  readonly list = new RoomMemberList();
  readonly #deps: RoomDeps;
  readonly #watchers = new Set<Membership>();
  /** The list as it was pushed last. */
  #pushed: KnownList = this.list.known;
  /** The whole list as it was sent last, until the next tick: many may resume at once. */
  #listFrame: { readonly known: KnownList; readonly frame: Frame } | undefined;
  #tick: Timer | undefined;
  readonly #queue: Delivery[] = [];
  #isDelivering = false;

  constructor(r: string, deps: RoomDeps) {
    this.r = r;
    this.#deps = deps;
  }

  get isEmpty(): boolean {
    return this.#watchers.size === 0;
  }

  get watchers(): ReadonlySet<Membership> {
    return this.#watchers;
  }

  /** True while pushes are on their way to watchers. */
  get isDelivering(): boolean {
    return this.#isDelivering;
  }

  /** True while so much waits to be delivered that nothing more should be sent. */
  get isBusy(): boolean {
    return this.#queue.length > maxQueued;
  }

  /** From now on it gets what changes after the list as it is now. */
  add(membership: Membership): void {
    membership.room = this;
    membership.known = this.list.known;
    this.#watchers.add(membership);
  }

  remove(membership: Membership): void {
    membership.room = undefined;
    this.#watchers.delete(membership);
    if (this.isEmpty) this.#cancelTick();
  }

  receive(message: RoomBusMessage): void {
    switch (message.kind) {
      case 'member':
        this.list.set(message.id, message.user, message.state);
        this.#scheduleTick();
        return;
      case 'left':
        this.list.delete(message.id);
        this.#scheduleTick();
        return;
      case 'sent':
        this.#send(message);
        return;
      default:
        message satisfies never;
    }
  }

  /** A watcher got less than the others. */
  onBehind(): void {
    this.#deps.metrics.omitted.add();
    this.#scheduleTick();
  }

  sendList(membership: Membership): void {
    membership.isBehind = true;
    this.#enqueueList([membership]);
  }

  #send(message: RoomSending): void {
    const { member } = message;
    // Otherwise a message might come before its sender, or before a state that it was sent after.
    if (member !== undefined && this.list.isNewer(member, this.#pushed.version))
      this.#pushChanges();
    const frame = sentFrame(this.r, message);
    this.#enqueue('sent', [...this.#watchers], (watcher) => watcher.offer(frame));
  }

  #scheduleTick(): void {
    if (this.isEmpty) return;
    this.#tick ??= this.#deps.timers.after(roomTick, () => {
      this.#tick = undefined;
      // A room with very many watchers: gathers until they have got what was before.
      if (this.#isDelivering) this.#scheduleTick();
      else this.#pushChanges();
    });
  }

  #cancelTick(): void {
    this.#tick?.cancel();
    this.#tick = undefined;
  }

  /** Pushes to every watcher what changed since its last list. */
  #pushChanges(): void {
    this.#cancelTick();
    const frames = new Map([[this.#pushed, this.#frameSince(this.#pushed)]]);
    const toSend = new Map<Membership, Frame>();
    for (const watcher of this.#watchers) {
      const { known = this.#pushed } = watcher;
      if (watcher.isBehind || known.version === this.list.version) continue;
      // Many who came in this tick get the whole list, which is encoded once.
      if (!frames.has(known) && frames.size === maxDifferences) watcher.isBehind = true;
      else if (!frames.has(known)) frames.set(known, this.#frameSince(known));
      const frame = watcher.isBehind ? undefined : frames.get(known);
      watcher.known = undefined;
      if (frame) toSend.set(watcher, frame);
    }
    this.#pushed = this.list.known;
    this.#enqueue('presence', [...toSend.keys()], (watcher) => {
      const frame = toSend.get(watcher);
      if (frame) watcher.offer(frame);
    });
    const behind = [...this.#watchers].filter((watcher) => watcher.isBehind);
    if (behind.length > 0) this.#enqueueList(behind);
    else this.#listFrame = undefined;
  }

  #frameSince(known: KnownList): Frame | undefined {
    const change = this.list.changesSince(known);
    return change && changeFrame(this.r, change);
  }

  /** To those who missed something. */
  #enqueueList(behind: readonly Membership[]): void {
    const { known } = this.list;
    if (this.#listFrame?.known !== known) {
      this.#listFrame = { known, frame: listFrame(this.r, known) };
      this.#scheduleTick();
    }
    const { frame } = this.#listFrame;
    this.#enqueue('presence', behind, (watcher) => {
      if (watcher.isBehind && !watcher.catchUp(frame, known)) this.#scheduleTick();
    });
  }

  #enqueue(evt: string, members: readonly Membership[], deliver: Delivery['deliver']): void {
    if (members.length === 0) return;
    this.#queue.push({ evt, members, deliver });
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    const { inFlight, slice } = this.#deps;
    inFlight.during(slice.run(this.#deliverAll()));
  }

  /** One push after the other, so that each member gets them in order. */
  *#deliverAll(): Steps {
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
      const { evt, members, deliver } = next;
      for (let from = 0; from < members.length; from += portion) {
        if (from > 0) yield;
        for (const member of members.slice(from, from + portion)) deliver(member);
      }
      this.#deps.metrics.pushes.add(members.length, evt);
    }
    this.#isDelivering = false;
  }
}
