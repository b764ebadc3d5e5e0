import type { Pos } from '../../store/store.js';
import type { LiveMetrics } from '../live-metrics.js';
import type { Positions } from '../position.js';
import type { QuerySubscription, WindowDelivery, WindowDifference } from './query-subscription.js';
import type { KnownRows, Row } from './query-window.js';
import { type WindowEvent, WindowEventFrames, type WindowTraits } from './window-event.js';

/** The window's state to catch a subscriber up to. */
export interface WindowState {
  readonly shown: readonly Row[];
  readonly pos: Pos;
}

export interface QueryMembersContext {
  readonly metrics: LiveMetrics;
  readonly positions: Positions;
}

/** The subscribers of one window, and the pushes to them. */
export class WindowSubscribers {
  readonly #traits: WindowTraits;
  /** Shared by the frames of all events. */
  readonly #shared: { readonly traits: WindowTraits; readonly positions: Positions };
  readonly #metrics: LiveMetrics;
  readonly #all: QuerySubscription[] = [];
  /** The position that live subscribers have reached. */
  #pos: Pos = 0;

  constructor(traits: WindowTraits, { metrics, positions }: QueryMembersContext) {
    this.#traits = traits;
    this.#shared = { traits, positions };
    this.#metrics = metrics;
  }

  get pos(): Pos {
    return this.#pos;
  }

  get all(): readonly QuerySubscription[] {
    return this.#all;
  }

  add(subscription: QuerySubscription): void {
    subscription.slot = this.#all.length;
    this.#all.push(subscription);
  }

  /** Moves the last subscription into the free slot. */
  remove(subscription: QuerySubscription): void {
    const last = this.#all.pop();
    if (last === undefined || last === subscription) return;
    last.slot = subscription.slot;
    this.#all[subscription.slot] = last;
  }

  /** Whether any subscriber receives events as they happen. */
  get hasReceivers(): boolean {
    return this.#all.some(({ progress }) => progress === 'live' || progress === 'waiting');
  }

  behind(): QuerySubscription[] {
    return this.#all.filter(({ progress }) => progress === 'behind');
  }

  /**
   * Pushes events to all live subscribers. The last event carries the new position, the others the
   * old one, so a client that is cut off in between and resumes from its last position misses
   * nothing. `at`: the position of the events, greater than `pos` if more of that change is to
   * come. Returns the number of pushes.
   */
  deliver(
    events: readonly WindowEvent[],
    pos: Pos,
    { difference, at = pos }: { difference?: WindowDifference; at?: Pos } = {},
  ): number {
    const from = this.#pos;
    this.#pos = Math.max(from, pos);
    if (events.length === 0) return 0;
    let pushes = 0;
    const frames = events.map((event, index) => {
      return new WindowEventFrames(event, this.#shared, index === events.length - 1 ? pos : from);
    });
    const delivery: WindowDelivery = { frames, difference, from, at };
    for (let index = this.#all.length - 1; index >= 0; index--) {
      const subscription = this.#all[index];
      if (subscription?.progress === 'waiting') subscription.buffer(delivery);
      else if (subscription?.progress === 'live') pushes += this.#deliverTo(subscription, delivery);
    }
    return pushes;
  }

  /** A subscriber may be ahead of its group after a replay; events it received then are skipped. */
  #deliverTo(subscription: QuerySubscription, delivery: WindowDelivery): number {
    const { difference, from, at } = delivery;
    let { frames } = delivery;
    if (subscription.known) {
      if (at <= subscription.pos) return 0;
      if (difference && from < subscription.pos) {
        subscription.progress = 'behind';
        return 0;
      }
      frames = frames.map((frame) => frame.notBefore(subscription.pos));
      subscription.known = undefined;
    }
    for (const [index, frame] of frames.entries()) {
      if (difference && subscription.session.pushTarget.congested) {
        this.#pauseMidDelivery(subscription, delivery.from, difference, index);
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
   * A difference can be as large as a window, so it is sent only as the output buffer drains (rule
   * LIM4).
   */
  #pauseMidDelivery(
    subscription: QuerySubscription,
    pos: Pos,
    difference: WindowDifference,
    delivered: number,
  ): void {
    const known = new Map(difference.before);
    for (const event of difference.events.slice(0, delivered))
      recordKnown(known, event, difference.rows);
    subscription.progress = 'paused';
    subscription.known = known;
    subscription.isPartial = true;
    subscription.pos = pos;
    this.#metrics.pauses.add();
  }

  /** Makes the subscription live and sends the buffered deliveries. */
  activate(subscription: QuerySubscription, buffered: readonly WindowDelivery[]): void {
    subscription.progress = 'live';
    for (const delivery of buffered) {
      if (subscription.progress === 'live') this.#deliverTo(subscription, delivery);
    }
  }

  /** Rule LIM4: pauses subscribers with full output buffers. Call before the window changes. */
  pauseCongested(known: () => KnownRows, isPartial: boolean): void {
    let shared: KnownRows | undefined;
    for (const subscription of this.#all) {
      if (subscription.progress !== 'live' || !subscription.session.pushTarget.congested) continue;
      subscription.progress = 'paused';
      this.#metrics.pauses.add();
      // A subscriber that is ahead has newer rows of its own.
      if (subscription.known && subscription.pos > this.#pos) continue;
      shared ??= known();
      subscription.known = shared;
      subscription.isPartial = isPartial;
      subscription.pos = this.#pos;
    }
  }

  /**
   * Replays the changes since the position in the request, each at its own position. False if the
   * output buffer is full.
   */
  replay(subscription: QuerySubscription): boolean {
    const { steps = [], after = [], pos: end = subscription.pos } = subscription.rewind ?? {};
    subscription.rewind = undefined;
    const known = new Map(subscription.known ?? []);
    for (const { events, pos } of steps) {
      if (subscription.session.pushTarget.congested) {
        subscription.progress = 'paused';
        subscription.known = known;
        this.#metrics.pauses.add();
        return false;
      }
      for (const [index, event] of events.entries()) {
        const at = index === events.length - 1 ? pos : subscription.pos;
        this.#push(subscription, new WindowEventFrames(event, this.#shared, at), true);
        if (event.evt === 'left') known.delete(event.r);
        else recordKnownWithoutRow(known, event);
      }
      subscription.pos = pos;
    }
    subscription.known = new Map(after.map((row) => [row.r, row]));
    subscription.isPartial = false;
    subscription.pos = end;
    return true;
  }

  /** Sends events to a subscriber that is behind, until its output buffer is full. */
  catchUp(
    subscription: QuerySubscription,
    events: readonly WindowEvent[],
    { shown, pos }: WindowState,
  ): void {
    const rows = new Map(shown.map((row) => [row.r, row]));
    const known = new Map(subscription.known ?? []);
    for (const [index, event] of events.entries()) {
      if (subscription.session.pushTarget.congested) {
        subscription.progress = 'paused';
        subscription.known = known;
        subscription.isPartial = true;
        this.#metrics.pauses.add();
        return;
      }
      const isLast = index === events.length - 1;
      this.#push(
        subscription,
        new WindowEventFrames(event, this.#shared, isLast ? pos : subscription.pos),
        isLast,
      );
      recordKnown(known, event, rows);
    }
    subscription.known = undefined;
    subscription.isPartial = false;
    subscription.pos = pos;
    subscription.progress = 'live';
  }
}

/** As `recordKnown` without the rows: the hidden fields are those of the event, or unchanged. */
function recordKnownWithoutRow(
  known: Map<string, Pick<Row, 'rev' | 'hidden'>>,
  event: Exclude<WindowEvent, { evt: 'left' }>,
): void {
  if ('object' in event) known.set(event.object.r, { rev: event.object.rev, hidden: event.hidden });
  else known.set(event.r, { rev: event.rev, hidden: known.get(event.r)?.hidden ?? [] });
}

function recordKnown(
  known: Map<string, Pick<Row, 'rev' | 'hidden'>>,
  event: WindowEvent,
  rows: ReadonlyMap<string, Row>,
): void {
  const r = 'object' in event ? event.object.r : event.r;
  const row = rows.get(r);
  if (event.evt === 'left' || !row) known.delete(r);
  else known.set(r, row);
}
