import type { Pos } from '../store/store.js';
import type { LiveMetrics } from './live-metrics.js';
import type { Positions } from './position.js';
import { type News, NewsFrames, type WindowTraits } from './query-news.js';
import type { Difference, Known, QuerySubscription, Told } from './query-subscription.js';
import type { Row } from './query-window.js';

/** Where a window stands that somebody is brought to. */
export interface Standing {
  readonly shown: readonly Row[];
  readonly pos: Pos;
}

export interface QueryMembersContext {
  readonly metrics: LiveMetrics;
  readonly positions: Positions;
}

/** Those who watch one window, and what they are told. */
export class QueryMembers {
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

  add(one: QuerySubscription): void {
    one.place = this.#all.length;
    this.#all.push(one);
  }

  /** The last one takes the place of the one that leaves. */
  remove(one: QuerySubscription): void {
    const last = this.#all.pop();
    if (last === undefined || last === one) return;
    last.place = one.place;
    this.#all[one.place] = last;
  }

  /** Whether anybody wants to be told what happens, as it happens. */
  get areHearing(): boolean {
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
  tell(
    news: readonly News[],
    pos: Pos,
    { difference, at = pos }: { difference?: Difference; at?: Pos } = {},
  ): number {
    const from = this.#pos;
    this.#pos = Math.max(from, pos);
    if (news.length === 0) return 0;
    let pushes = 0;
    const frames = news.map((one, index) => {
      return new NewsFrames(one, this.#shared, index === news.length - 1 ? pos : from);
    });
    const told: Told = { frames, difference, from, at };
    for (let index = this.#all.length - 1; index >= 0; index--) {
      const one = this.#all[index];
      if (one?.progress === 'waiting') one.keep(told);
      else if (one?.progress === 'live') pushes += this.#hear(one, told);
    }
    return pushes;
  }

  /** It may be ahead of its group: what it was told by a replay is not told again. */
  #hear(one: QuerySubscription, told: Told): number {
    const { difference, from, at } = told;
    let { frames } = told;
    if (one.known) {
      if (at <= one.pos) return 0;
      if (difference && from < one.pos) {
        one.progress = 'behind';
        return 0;
      }
      frames = frames.map((frame) => frame.notBefore(one.pos));
      one.known = undefined;
    }
    for (const [index, frame] of frames.entries()) {
      if (difference && one.session.listener.congested) {
        this.#pauseAmid(one, told.from, difference, index);
        return index;
      }
      this.#push(one, frame, index === frames.length - 1);
    }
    return frames.length;
  }

  /**
   * Positions never go back (rule VIEW3). One that heard its window under another view goes on from there until it has
   * heard all of the difference.
   */
  #push(one: QuerySubscription, frames: NewsFrames, isLast: boolean): void {
    const { view } = this.#traits;
    const { listener } = one.session;
    this.#metrics.pushes.add(1, frames.evt);
    if (one.view === view) {
      const told = frames.notBefore(one.heard);
      one.heard = told.pos;
      listener.push(told.frameFor(one.key, listener));
      return;
    }
    if (isLast) {
      one.view = view;
      one.heard = Math.max(one.heard, frames.pos);
    }
    listener.push(frames.frameFrom(one.key, { pos: one.heard, view: one.view }, listener));
  }

  /** A difference may be as large as a window: it waits where the connection does (rule LIM4). */
  #pauseAmid(one: QuerySubscription, pos: Pos, difference: Difference, told: number): void {
    const known = new Map(difference.before);
    for (const news of difference.news.slice(0, told)) learn(known, news, difference.rows);
    one.progress = 'paused';
    one.known = known;
    one.isBetween = true;
    one.pos = pos;
    this.#metrics.pauses.add();
  }

  /** It is live from here on; what was kept for it is told now. */
  begin(one: QuerySubscription, kept: readonly Told[]): void {
    one.progress = 'live';
    for (const told of kept) {
      if (one.progress === 'live') this.#hear(one, told);
    }
  }

  /** Rule LIM4: to those whose connections are behind nothing is told for now. Called before the window changes. */
  pauseSlow(known: () => Known, isBetween: boolean): void {
    let shared: Known | undefined;
    for (const one of this.#all) {
      if (one.progress !== 'live' || !one.session.listener.congested) continue;
      one.progress = 'paused';
      this.#metrics.pauses.add();
      // One that is ahead knows better.
      if (one.known && one.pos > this.#pos) continue;
      shared ??= known();
      one.known = shared;
      one.isBetween = isBetween;
      one.pos = this.#pos;
    }
  }

  /** Tells one what happened since the position that it named, each step at its own. False where its connection is behind. */
  replay(one: QuerySubscription): boolean {
    const { steps = [], after = [], pos: end = one.pos } = one.replay ?? {};
    one.replay = undefined;
    const known = new Map(one.known ?? []);
    for (const { news, pos } of steps) {
      if (one.session.listener.congested) {
        one.progress = 'paused';
        one.known = known;
        this.#metrics.pauses.add();
        return false;
      }
      for (const [index, item] of news.entries()) {
        const at = index === news.length - 1 ? pos : one.pos;
        this.#push(one, new NewsFrames(item, this.#shared, at), true);
        if (item.evt === 'left') known.delete(item.r);
        else learnAlone(known, item);
      }
      one.pos = pos;
    }
    one.known = new Map(after.map((row) => [row.r, row]));
    one.isBetween = false;
    one.pos = end;
    return true;
  }

  /** Tells one that is behind as much as its connection takes. */
  bring(one: QuerySubscription, news: readonly News[], { shown, pos }: Standing): void {
    const rows = new Map(shown.map((row) => [row.r, row]));
    const known = new Map(one.known ?? []);
    for (const [index, item] of news.entries()) {
      if (one.session.listener.congested) {
        one.progress = 'paused';
        one.known = known;
        one.isBetween = true;
        this.#metrics.pauses.add();
        return;
      }
      const isLast = index === news.length - 1;
      this.#push(one, new NewsFrames(item, this.#shared, isLast ? pos : one.pos), isLast);
      learn(known, item, rows);
    }
    one.known = undefined;
    one.isBetween = false;
    one.pos = pos;
    one.progress = 'live';
  }
}

/** As `learn`, where the rows are not at hand: the object was seen with the same fields hidden, or with what is told. */
function learnAlone(
  known: Map<string, Pick<Row, 'rev' | 'hidden'>>,
  news: Exclude<News, { evt: 'left' }>,
): void {
  if ('object' in news) known.set(news.object.r, { rev: news.object.rev, hidden: news.hidden });
  else known.set(news.r, { rev: news.rev, hidden: known.get(news.r)?.hidden ?? [] });
}

function learn(
  known: Map<string, Pick<Row, 'rev' | 'hidden'>>,
  news: News,
  rows: ReadonlyMap<string, Row>,
): void {
  const r = 'object' in news ? news.object.r : news.r;
  const row = rows.get(r);
  if (news.evt === 'left' || !row) known.delete(r);
  else known.set(r, row);
}
