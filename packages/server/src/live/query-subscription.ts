import type { Pos } from '../store/store.js';
import type { QueryGroup, Standing } from './query-group.js';
import type { News, NewsFrames } from './query-news.js';
import type { Since } from './query-since.js';
import type { Row } from './query-window.js';
import type { Session } from './session.js';

/** News of one moment. */
export interface Told {
  readonly frames: readonly NewsFrames[];
  /** Where it is the difference between the windows of two positions, and not what one change did. */
  readonly difference: Difference | undefined;
  readonly from: Pos;
  /** Of the change, or of the later window. */
  readonly at: Pos;
}

/** How somebody who was told a part of a difference stands. */
export interface Difference {
  readonly before: Known;
  readonly news: readonly News[];
  /** The window afterwards, by R. */
  readonly rows: ReadonlyMap<string, Row>;
}

/** What a subscriber knows of the objects in its window, by R. */
export type Known = ReadonlyMap<string, Pick<Row, 'rev' | 'hidden'>>;

/** News that are kept for a subscriber whose answer is being made; with more, it is told the difference instead. */
const keptNews = 64;

/**
 * How far a subscription to a query is on its way:
 *
 * - `waiting`: its read is not answered yet; news are kept for it;
 * - `live`: hears what happens to its window as it happens;
 * - `behind`: `known` is what it knows; the difference to what is now will be told;
 * - `paused`: as `behind`, but its connection has to take some output first;
 * - `ended`.
 */
export class QuerySubscription {
  readonly kind = 'query';
  readonly session: Session;
  readonly key: string;
  group: QueryGroup;
  /** Its seat in its group. */
  place = 0;
  progress: 'waiting' | 'live' | 'behind' | 'paused' | 'ended' = 'waiting';
  /** Set while it is behind, paused or waiting, and while it is ahead of its group. */
  known: Known | undefined;
  /** What it knows was true here: from a position on, it may be ahead of its group. */
  pos: Pos = 0;
  /** The furthest position that was told to its client: what is told carries none before it. */
  heard: Pos = 0;
  /** The view under which its client has heard all of its window. */
  view: string;
  /** Before this position `known` may be ahead of `pos`. */
  wholeFrom: Pos = 0;
  /** True where `known` is not just what the window was at `pos`: it was told a part of what came next, or under other rights. */
  isBetween = false;
  round = 0;
  /** With `since`: what is to be told first. */
  replay: Since | undefined;
  #kept: Told[] | undefined = [];

  constructor(session: Session, group: QueryGroup, key = session.newQueryId()) {
    this.session = session;
    this.group = group;
    this.key = key;
    this.view = group.traits.view;
  }

  /** What it was told, and where somebody goes on from who was told that. */
  get standing(): Standing & { readonly known: Known } {
    const { known, pos } = this;
    if (!known) return { ...this.group.standing, known: this.group.known() };
    return { known, pos, isWhole: !this.isBetween && pos >= this.wholeFrom };
  }

  get topic(): { readonly r: string } {
    return this.group.traits;
  }

  /** While it waits. */
  keep(told: Told): void {
    this.#kept?.push(told);
    if ((this.#kept?.length ?? 0) > keptNews) this.#kept = undefined;
  }

  /** What was kept, for the last time; `undefined` where it was too much. */
  takeKept(): readonly Told[] | undefined {
    const kept = this.#kept;
    this.#kept = undefined;
    return kept;
  }
}
