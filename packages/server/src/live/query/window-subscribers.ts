import type { Pos } from '../../store/stored-object.js';
import type { LiveMetrics } from '../live-metrics.js';
import type { Positions } from '../position.js';
import { MemberList } from '../registry/subscriber-group.js';
import type { SubscriptionOwner } from '../registry/subscription-owner.js';
import type {
  KnownWindow,
  QuerySubscription,
  WindowDelivery,
  WindowDifference,
} from './query-subscription.js';
import { type KnownRows, knownRowsOf } from './query-window.js';
import type { Rewind } from './rewind/rewind.js';
import { type WindowEvent, WindowEventFrames, type WindowTraits } from './window-event.js';

export interface QueryMembersContext {
  readonly metrics: LiveMetrics;
  readonly positions: Positions;
}

/** The subscribers of one window, and the pushes to them. */
export class WindowSubscribers extends MemberList<QuerySubscription> {
  readonly #traits: WindowTraits;
  /** Shared by the frames of all events. */
  readonly #shared: { readonly traits: WindowTraits; readonly positions: Positions };
  readonly #metrics: LiveMetrics;
  /** The position that live subscribers have reached. */
  #pos: Pos = 0;

  constructor(traits: WindowTraits, { metrics, positions }: QueryMembersContext) {
    super();
    this.#traits = traits;
    this.#shared = { traits, positions };
    this.#metrics = metrics;
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

  behind(): QuerySubscription[] {
    return this.members.filter(({ progress }) => progress === 'behind');
  }

  /**
   * Pushes events to all live subscribers. `at`: the position of the events, greater than `pos` if
   * more of that change is to come, or if a difference may have later changes in it. Returns the
   * number of pushes.
   */
  deliver(
    events: readonly WindowEvent[],
    pos: Pos,
    { difference, at = pos }: { difference?: WindowDifference; at?: Pos } = {},
  ): number {
    const from = this.#pos;
    this.#pos = Math.max(from, pos);
    // Even an empty difference concerns those who are ahead: their rows may be others.
    if (events.length === 0 && !difference) return 0;
    const delivery = { frames: this.#framesOf(events, { from, to: pos }), difference, from, at };
    let pushes = 0;
    for (let index = this.members.length - 1; index >= 0; index--) {
      const subscription = this.members[index];
      if (subscription?.progress === 'waiting') subscription.buffer(delivery);
      else if (subscription?.progress === 'live') pushes += this.#deliverTo(subscription, delivery);
    }
    return pushes;
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

  /**
   * Returns the number of pushes. `difference`: a difference can be as large as a window, so it is
   * sent only as the output buffer drains (rule LIM4).
   */
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
        this.#pause(subscription, { rows, pos, isExact: false });
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
    this.#metrics.pushes.add(1, frames.evt);
    if (subscription.view === view) {
      const current = frames.notBefore(subscription.sentPos);
      subscription.sentPos = current.pos;
      pushTarget.push(current.frameFor(subscription.key, pushTarget));
      return;
    }
    if (isLast) {
      subscription.view = view;
      subscription.sentPos = Math.max(subscription.sentPos, frames.pos);
    }
    pushTarget.push(
      frames.frameFrom(
        subscription.key,
        { pos: subscription.sentPos, view: subscription.view },
        pushTarget,
      ),
    );
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
    return events.map((event, index) => {
      return new WindowEventFrames(event, this.#shared, index === last ? to : from);
    });
  }

  #pause(subscription: QuerySubscription, known: KnownWindow): void {
    subscription.state = { name: 'paused', known };
    this.#metrics.pauses.add();
  }

  /** Rule LIM4: pauses subscribers with full output buffers. Call before the window changes. */
  pauseCongested(known: () => KnownRows, isExact: boolean): void {
    let shared: KnownWindow | undefined;
    for (const subscription of this.members) {
      const { state, session } = subscription;
      if (subscription.progress !== 'live' || !session.pushTarget.congested) continue;
      // A subscriber that is ahead has newer rows of its own.
      if (state.name === 'ahead' && state.known.pos > this.#pos) {
        this.#pause(subscription, state.known);
        continue;
      }
      shared ??= { rows: known(), pos: this.#pos, isExact };
      this.#pause(subscription, shared);
    }
  }

  /**
   * Begins the pushes of a waiting subscription: what its rewind found, and then what was buffered.
   * Where the difference has to follow instead, it is behind afterwards.
   */
  start(subscription: QuerySubscription): void {
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
    subscription.state = rewind ? { name: 'ahead', known } : { name: 'live' };
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

  /** Sends a difference to a subscriber that is behind, until its output buffer is full. */
  catchUp(
    subscription: QuerySubscription,
    events: readonly WindowEvent[],
    { pos, at }: { readonly pos: Pos; readonly at: Pos },
  ): void {
    const { state } = subscription;
    const { rows, pos: from } = subscription.known;
    const frames = this.#framesOf(events, { from, to: pos });
    this.#pushAll(subscription, frames, { before: rows, events, pos: from, at });
    if (subscription.state === state) subscription.state = { name: 'live' };
  }
}

/** The rows known after these events. */
function rowsAfter(before: KnownRows, events: readonly WindowEvent[]): KnownRows {
  const known = new Map(before);
  for (const event of events) {
    if (event.evt === 'left') known.delete(event.r);
    else if (event.evt === 'updated')
      known.set(event.r, { rev: event.rev, hidden: known.get(event.r)?.hidden ?? [] });
    else known.set(event.object.r, { rev: event.object.rev, hidden: event.hidden });
  }
  return known;
}
