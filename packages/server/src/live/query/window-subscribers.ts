import type { Pos } from '../../store/store.js';
import type { LiveMetrics } from '../live-metrics.js';
import type { Positions } from '../position.js';
import type { QuerySubscription, WindowDelivery, WindowDifference } from './query-subscription.js';
import type { KnownRows, Row } from './query-window.js';
import { type WindowEvent, WindowEventFrames, type WindowTraits } from './window-event.js';

/** Where a window stands that somebody is brought to. */
export interface WindowState {
  readonly shown: readonly Row[];
  readonly pos: Pos;
}

export interface QueryMembersContext {
  readonly metrics: LiveMetrics;
  readonly positions: Positions;
}

/** Those who watch one window, and what they are told. */
export class WindowSubscribers {
  readonly #traits: WindowTraits;
  /** What the frames of all news are made with. */
  readonly #shared: { readonly traits: WindowTraits; readonly positions: Positions };
  readonly #metrics: LiveMetrics;
  readonly #all: QuerySubscription[] = [];
  /** What those who are live know was true here. */
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

  /** The last one takes the place of the one that leaves. */
  remove(subscription: QuerySubscription): void {
    const last = this.#all.pop();
    if (last === undefined || last === subscription) return;
    last.slot = subscription.slot;
    this.#all[subscription.slot] = last;
  }

  /** Whether anybody wants to be told what happens, as it happens. */
  get hasReceivers(): boolean {
    return this.#all.some(({ progress }) => progress === 'live' || progress === 'waiting');
  }

  behind(): QuerySubscription[] {
    return this.#all.filter(({ progress }) => progress === 'behind');
  }

  /**
   * Tells everybody who is live. The last news carry the position at which all of this was true, the others
   * that of before: who was cut off in between, and goes on from what it heard last, misses nothing. `at`: where the
   * news are from, which is behind `pos` where there is more to come of that change. The answer is how many pushes that were.
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

  /** It may be ahead of its group: what it was told by a replay is not told again. */
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
   * Positions never go back (rule VIEW3). One that heard its window under another view goes on from there until it has
   * heard all of the difference.
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

  /** A difference may be as large as a window: it waits where the connection does (rule LIM4). */
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

  /** It is live from here on; what was kept for it is told now. */
  activate(subscription: QuerySubscription, buffered: readonly WindowDelivery[]): void {
    subscription.progress = 'live';
    for (const delivery of buffered) {
      if (subscription.progress === 'live') this.#deliverTo(subscription, delivery);
    }
  }

  /** Rule LIM4: to those whose connections are behind nothing is told for now. Called before the window changes. */
  pauseCongested(known: () => KnownRows, isPartial: boolean): void {
    let shared: KnownRows | undefined;
    for (const subscription of this.#all) {
      if (subscription.progress !== 'live' || !subscription.session.pushTarget.congested) continue;
      subscription.progress = 'paused';
      this.#metrics.pauses.add();
      // One that is ahead knows better.
      if (subscription.known && subscription.pos > this.#pos) continue;
      shared ??= known();
      subscription.known = shared;
      subscription.isPartial = isPartial;
      subscription.pos = this.#pos;
    }
  }

  /** Tells one what happened since the position that it named, each step at its own. False where its connection is behind. */
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
      for (const [index, item] of events.entries()) {
        const at = index === events.length - 1 ? pos : subscription.pos;
        this.#push(subscription, new WindowEventFrames(item, this.#shared, at), true);
        if (item.evt === 'left') known.delete(item.r);
        else recordKnownWithoutRow(known, item);
      }
      subscription.pos = pos;
    }
    subscription.known = new Map(after.map((row) => [row.r, row]));
    subscription.isPartial = false;
    subscription.pos = end;
    return true;
  }

  /** Tells one that is behind as much as its connection takes. */
  catchUp(
    subscription: QuerySubscription,
    events: readonly WindowEvent[],
    { shown, pos }: WindowState,
  ): void {
    const rows = new Map(shown.map((row) => [row.r, row]));
    const known = new Map(subscription.known ?? []);
    for (const [index, item] of events.entries()) {
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
        new WindowEventFrames(item, this.#shared, isLast ? pos : subscription.pos),
        isLast,
      );
      recordKnown(known, item, rows);
    }
    subscription.known = undefined;
    subscription.isPartial = false;
    subscription.pos = pos;
    subscription.progress = 'live';
  }
}

/** As `learn`, where the rows are not at hand: the object was seen with the same fields hidden, or with what is told. */
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
