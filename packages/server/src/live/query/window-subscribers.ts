import type { Steps } from '../../platform/scheduling/tick-slice.js';
import type { Pos } from '../../store/stored-object.js';
import type { LiveContext } from '../live-context.js';
import type { Frame } from '../push/frame.js';
import type { PushTarget } from '../push-target.js';
import { MemberList } from '../registry/subscriber-group.js';
import type { SubscriptionOwner } from '../registry/subscription-owner.js';
import type {
  KnownWindow,
  QueryState,
  QuerySubscription,
  WindowDelivery,
  WindowDifference,
} from './query-subscription.js';
import { type KnownRows, knownRowsOf, knowsSame } from './query-window.js';
import type { Rewind } from './rewind/rewind.js';
import {
  mostKept,
  type WindowEvent,
  WindowEventFrames,
  type WindowTraits,
} from './window-event.js';

type QueryMembersContext = Pick<LiveContext, 'metrics' | 'positions' | 'pace'>;

interface DeliveryOptions {
  /** What those know who wait for the events; called at most once, and not afterwards. */
  readonly before: () => KnownWindow;
  readonly difference?: WindowDifference | undefined;
  /** Greater than theirs if more of that change is to come, or later changes may be in them. */
  readonly at: Pos;
}

/** Subscribers that are behind, and know the same. */
export interface LaggingSubscribers {
  readonly known: KnownWindow;
  /** They received their window under another view. */
  readonly isOtherView: boolean;
  /** Each with its state: if it has another, something else happened to it. */
  readonly states: Map<QuerySubscription, QueryState>;
}

/** Bytes that count as much as another member. */
const bytesPerMember = 4096;

/** Rows copied for those who are paused that count as much as another member. */
const rowsPerMember = 32;

/** The subscribers of one window, and the pushes to them. */
export class WindowSubscribers extends MemberList<QuerySubscription> {
  readonly #traits: WindowTraits;
  readonly #context: QueryMembersContext;
  /** The position that live subscribers have reached. */
  #pos: Pos = 0;
  /** Number of deliveries so far. */
  #deliveries = 0;
  /** Set during a delivery: what those know who wait for it. */
  #before: (() => KnownWindow) | undefined;
  /** Bytes pushed, and rows copied, since `#isDue` was asked. */
  #bytes = 0;
  #rowsCopied = 0;

  constructor(traits: WindowTraits, context: QueryMembersContext) {
    super();
    this.#traits = traits;
    this.#context = context;
  }

  /** It has what is being delivered. */
  override add(subscription: QuerySubscription): void {
    super.add(subscription);
    subscription.delivery = this.#deliveries;
  }

  get pos(): Pos {
    return this.#pos;
  }

  /** Whether any subscriber receives events as they happen. */
  get hasReceivers(): boolean {
    return this.members.some(({ progress }) => progress === 'live' || progress === 'waiting');
  }

  /** One for whom the window is read: rather not one who takes no output. */
  get reader(): SubscriptionOwner | undefined {
    const first = this.members.find(({ progress }) => progress !== 'paused');
    return (first ?? this.members[0])?.session;
  }

  /** Those who are behind, together with the others who know the same. */
  behind(): LaggingSubscribers[] {
    const byRows = new Map<KnownRows, Map<string, LaggingSubscribers>>();
    for (const subscription of this.members) {
      const { state, view } = subscription;
      if (state.name !== 'behind') continue;
      const { known } = state;
      const isOtherView = view !== this.#traits.view;
      const alike = byRows.get(known.rows) ?? new Map<string, LaggingSubscribers>();
      byRows.set(known.rows, alike);
      const key = `${known.pos} ${isOtherView}`;
      const lagging = alike.get(key) ?? { known, isOtherView, states: new Map() };
      alike.set(key, lagging);
      lagging.states.set(subscription, state);
    }
    return [...byRows.values()].flatMap((alike) => [...alike.values()]);
  }

  /** What a live subscriber knows that waits for the delivery in progress; `undefined` if it does not. */
  knownBefore({ delivery }: QuerySubscription): KnownWindow | undefined {
    return delivery === this.#deliveries ? undefined : this.#before?.();
  }

  /** Nothing is to be pushed of the changes up to here. */
  skipTo(pos: Pos): void {
    this.#pos = Math.max(this.#pos, pos);
  }

  /**
   * Pushes events to all live subscribers, and yields if there are many (rule LIM42). Those with full
   * output buffers are paused (rule LIM4). The rows must not change before it is done. From the last
   * subscriber to the first: those who leave are replaced by those who have the events already.
   * Returns the number of pushes.
   */
  *deliver(
    events: readonly WindowEvent[],
    pos: Pos,
    { before, difference, at }: DeliveryOptions,
  ): Steps<number> {
    const from = this.#pos;
    this.skipTo(pos);
    const delivery = { frames: this.#framesOf(events, { from, to: pos }), difference, from, at };
    let known: KnownWindow | undefined;
    this.#before = () => {
      known ??= this.#copied(before());
      return known;
    };
    this.#deliveries += 1;
    let pushes = 0;
    const { members } = this;
    try {
      for (
        let index = members.length - 1;
        index >= 0;
        index = Math.min(index, members.length) - 1
      ) {
        const subscription = members[index];
        if (!subscription || subscription.delivery === this.#deliveries) continue;
        const pushed = this.#offer(subscription, delivery);
        subscription.delivery = this.#deliveries;
        pushes += pushed;
        if (this.#isDue(pushed)) yield;
      }
    } finally {
      this.#before = undefined;
    }
    return pushes;
  }

  /** Calls this for all who are there now and do not leave meanwhile; yields if there are many. */
  *endAll(end: (subscription: QuerySubscription) => void): Steps {
    for (const subscription of [...this.members]) {
      if (this.members[subscription.slot] !== subscription) continue;
      end(subscription);
      if (this.#isDue(1)) yield;
    }
  }

  #isDue(pushes: number): boolean {
    const bytes = Math.floor(this.#bytes / bytesPerMember);
    const rows = Math.floor(this.#rowsCopied / rowsPerMember);
    this.#bytes = 0;
    this.#rowsCopied = 0;
    return this.#context.pace.isDue(1 + pushes + bytes + rows);
  }

  #copied(known: KnownWindow): KnownWindow {
    this.#rowsCopied += known.rows.size;
    return known;
  }

  #offer(subscription: QuerySubscription, delivery: WindowDelivery): number {
    const { progress } = subscription;
    if (progress === 'waiting') subscription.buffer(delivery);
    if (progress !== 'live' || this.#isPaused(subscription, delivery)) return 0;
    return this.#deliverTo(subscription, delivery);
  }

  /** Pauses it if there is something to push, and its output buffer is full. */
  #isPaused(subscription: QuerySubscription, { frames, from, at }: WindowDelivery): boolean {
    if (frames.length === 0 || !subscription.session.pushTarget.congested) return false;
    const { state } = subscription;
    // A subscriber that is ahead has newer rows of its own.
    const ahead = state.name === 'ahead' ? state.known : undefined;
    if (ahead && at <= ahead.pos) return false;
    const known = ahead && from < ahead.pos ? ahead : this.#before?.();
    if (known) this.#pause(subscription, known);
    return known !== undefined;
  }

  /** A subscriber may be ahead of its group after a replay; events it received then are skipped. */
  #deliverTo(subscription: QuerySubscription, delivery: WindowDelivery): number {
    const { difference, from, at } = delivery;
    const { state } = subscription;
    let { frames } = delivery;
    if (state.name === 'ahead') {
      const { pos } = state.known;
      if (at <= pos) return 0;
      if (difference && from < pos) {
        subscription.fallBehind();
        return 0;
      }
      frames = frames.map((frame) => frame.notBefore(pos));
      subscription.state = { name: 'live' };
    }
    return this.#pushAll(subscription, frames, difference && { ...difference, pos: from, at });
  }

  /** Returns the number of pushes; a difference goes on as the output buffer drains (rule LIM4). */
  #pushAll(
    subscription: QuerySubscription,
    frames: readonly WindowEventFrames[],
    difference?: WindowDifference & { readonly pos: Pos; readonly at: Pos },
  ): number {
    if (difference && frames.length > 0)
      subscription.newestSent = Math.max(subscription.newestSent, difference.at);
    for (const [index, frame] of frames.entries()) {
      if (difference && subscription.session.pushTarget.congested) {
        const { before, events, pos } = difference;
        const rows = rowsAfter(before, events.slice(0, index));
        this.#pause(subscription, this.#copied({ rows, pos, isExact: false }));
        return index;
      }
      this.#push(subscription, frame, index === frames.length - 1);
    }
    return frames.length;
  }

  /**
   * Positions never go back (rule VIEW3). A subscriber that received its window under another view
   * keeps its old position until it has received the whole difference.
   */
  #push(subscription: QuerySubscription, frames: WindowEventFrames, isLast: boolean): void {
    const { view } = this.#traits;
    const { pushTarget } = subscription.session;
    this.#context.metrics.pushes.add(1, frames.evt);
    if (subscription.view === view) {
      const current = frames.notBefore(subscription.sentPos);
      subscription.sentPos = current.pos;
      this.#send(pushTarget, current.frameFor(subscription.key, pushTarget));
      return;
    }
    if (isLast) {
      subscription.view = view;
      subscription.sentPos = Math.max(subscription.sentPos, frames.pos);
    }
    const from = { pos: subscription.sentPos, view: subscription.view };
    this.#send(pushTarget, frames.frameFrom(subscription.key, from, pushTarget));
  }

  #send(pushTarget: PushTarget, frame: Frame): void {
    this.#bytes += frame.bytes.length;
    pushTarget.push(frame);
  }

  /**
   * The last event carries the new position, the others the old one, so a client that is cut off in
   * between and resumes from its last position misses nothing.
   */
  #framesOf(
    events: readonly WindowEvent[],
    { from, to }: { from: Pos; to: Pos },
  ): WindowEventFrames[] {
    const last = events.length - 1;
    const { positions } = this.#context;
    const context = { traits: this.#traits, positions, keep: mostKept };
    return events.map((event, index) => {
      return new WindowEventFrames(event, context, index === last ? to : from);
    });
  }

  #pause(subscription: QuerySubscription, known: KnownWindow): void {
    subscription.state = { name: 'paused', known };
    this.#context.metrics.pauses.add();
  }

  /**
   * Begins the pushes of a waiting subscription: what its rewind found, and then what was buffered.
   * Where the difference has to follow instead, it is behind afterwards. `delivered`: what those who
   * are live know.
   */
  start(subscription: QuerySubscription, delivered: () => KnownRows): void {
    const { state } = subscription;
    if (state.name !== 'waiting') return;
    const { rewind, follow } = state;
    const known = rewind ? this.#replay(subscription, state.known, rewind) : state.known;
    if (!known || subscription.state !== state) return;
    if (follow === 'difference') {
      subscription.fallBehind(known);
      return;
    }
    // Without a rewind it is where its group was when it joined.
    subscription.state = rewind
      ? { name: 'ahead', known: sharedRows(known, delivered()) }
      : { name: 'live' };
    for (const delivery of follow) {
      if (subscription.progress === 'live') this.#deliverTo(subscription, delivery);
    }
  }

  /**
   * Replays the changes since the position in the request, each at its own position. Returns what
   * the client knows then; `undefined` if the output buffer is full.
   */
  #replay(
    subscription: QuerySubscription,
    { rows, pos: since }: KnownWindow,
    { steps, after, pos: end, isComplete }: Rewind,
  ): KnownWindow | undefined {
    let from = since;
    for (const [index, { events, pos }] of steps.entries()) {
      if (subscription.session.pushTarget.congested) {
        const sent = steps.slice(0, index).flatMap((step) => step.events);
        this.#pause(subscription, { rows: rowsAfter(rows, sent), pos: from, isExact: false });
        return undefined;
      }
      this.#pushAll(subscription, this.#framesOf(events, { from, to: pos }));
      from = pos;
    }
    return { rows: knownRowsOf(after), pos: end, isExact: isComplete };
  }

  /** Sends a difference to those who are behind, to each until its output buffer is full. */
  *catchUp(
    { known, states }: LaggingSubscribers,
    events: readonly WindowEvent[],
    { pos, at }: { readonly pos: Pos; readonly at: Pos },
  ): Steps {
    const frames = this.#framesOf(events, { from: known.pos, to: pos });
    const difference = { before: known.rows, events, pos: known.pos, at };
    for (const [subscription, state] of states) {
      if (subscription.state !== state) continue;
      const pushes = this.#pushAll(subscription, frames, difference);
      if (subscription.state === state) subscription.state = { name: 'live' };
      if (this.#isDue(pushes)) yield;
    }
  }
}

/** With the rows of the others if they are the same: it may stay so for long. */
function sharedRows(known: KnownWindow, others: KnownRows): KnownWindow {
  return knowsSame(known.rows, others) ? { ...known, rows: others } : known;
}

/** The rows known after these events. */
function rowsAfter(before: KnownRows, events: readonly WindowEvent[]): KnownRows {
  if (events.length === 0) return before;
  const known = new Map(before);
  for (const event of events) {
    if (event.evt === 'left') known.delete(event.r);
    else if (event.evt === 'updated')
      known.set(event.r, { rev: event.rev, hidden: known.get(event.r)?.hidden ?? [] });
    else known.set(event.object.r, { rev: event.object.rev, hidden: event.hidden });
  }
  return known;
}
