import type { Actor, Delta, JsonObject } from '@really/protocol';
import { visibleBody } from '../model/view.js';
import type { CommittedChange, Pos, StoredObject } from '../store/store.js';
import { encodeFrame, type Frame } from './frame.js';
import type { Listener } from './listener.js';
import type { OwnMark } from './own-mark.js';
import type { Position, Positions } from './position.js';
import type { Crossing, Row } from './query-window.js';
import { type Sight, seesMore } from './visible-fields.js';

/** One thing that happened to a window. `by` is there where it was somebody's change, `mark` where that had a once-id. */
export type News = { readonly mark?: OwnMark | undefined } & (
  | {
      readonly evt: 'created' | 'entered';
      readonly object: StoredObject;
      readonly hidden: readonly string[];
      readonly by?: Actor | undefined;
    }
  | {
      readonly evt: 'updated';
      readonly r: string;
      readonly rev: number;
      readonly body: Delta;
      readonly by: Actor;
      readonly prev: number;
    }
  | {
      readonly evt: 'snapshot';
      readonly object: StoredObject;
      readonly hidden: readonly string[];
    }
  | {
      readonly evt: 'left';
      readonly r: string;
      readonly rev: number;
      readonly by?: Actor | undefined;
    }
);

export interface OwnNewsOptions {
  /** Of the change. */
  readonly mark: OwnMark | undefined;
  readonly change: CommittedChange;
  /** The object's row as it was; `undefined` where it had none. */
  readonly row: Row | undefined;
  /** What the change did to the window. */
  readonly crossing: Crossing;
  /** The part of the change that is seen. */
  readonly body: Delta | undefined;
  readonly sight: Sight;
}

/** What is told of the object itself that was changed, if it is in the window now: one thing at most. */
export function ownNews(options: OwnNewsOptions): News[] {
  const { mark, change, row, crossing, body, sight } = options;
  const { r, rev, object, by } = change;
  const { hidden } = sight;
  if (!crossing.is) return [];
  if (!crossing.was) {
    return [{ evt: change.type === 'create' ? 'created' : 'entered', object, hidden, by, mark }];
  }
  if (row && seesMore(row.hidden, sight)) return [{ evt: 'snapshot', object, hidden, mark }];
  return row && body ? [{ evt: 'updated', r, rev, body, by, mark, prev: row.changedAt }] : [];
}

/** What a window's subscribers share. */
export interface WindowTraits {
  /** The collection as subscribed, printed. */
  readonly r: string;
  readonly fields: readonly string[] | undefined;
  /** Of all of them. */
  readonly view: string;
}

/** The frames of one piece of news. Subscribers have ids of their own, though many have the same one. */
export class NewsFrames {
  readonly evt: News['evt'];
  /** Where a subscriber who has heard this may go on from. */
  readonly pos: Pos;
  readonly #news: News;
  readonly #traits: WindowTraits;
  readonly #positions: Positions;
  #before: string | undefined;
  readonly #byId = new Map<string, Frame>();

  constructor(
    news: News,
    { traits, positions }: { traits: WindowTraits; positions: Positions },
    pos: Pos,
  ) {
    this.evt = news.evt;
    this.pos = pos;
    this.#news = news;
    this.#traits = traits;
    this.#positions = positions;
  }

  /** For one who has heard everything up to this position. */
  notBefore(pos: Pos): NewsFrames {
    return this.pos < pos
      ? new NewsFrames(this.#news, { traits: this.#traits, positions: this.#positions }, pos)
      : this;
  }

  frameFor(subscription: string, listener: Listener): Frame {
    const frame = this.#sharedFor(subscription);
    return this.#news.mark ? this.#news.mark.frameFor(frame, listener) : frame;
  }

  #sharedFor(subscription: string): Frame {
    const known = this.#byId.get(subscription);
    if (known) return known;
    this.#before ??= this.#textBefore();
    const text = `${this.#before},"subscription":${JSON.stringify(subscription)}}}`;
    const frame = encodeFrame(text, { kind: 'window', key: subscription });
    this.#byId.set(subscription, frame);
    return frame;
  }

  /** For one subscriber alone, who does not know of the view yet, and goes on from elsewhere. */
  frameFrom(subscription: string, from: Position, listener: Listener): Frame {
    const { meta, ...rest } = messageOf(this.#news, this.#traits);
    const own = { pos: this.#positions.text(from), view: this.#traits.view, subscription };
    const text = JSON.stringify({ ...rest, meta: { ...meta, ...own } });
    const frame = encodeFrame(text, { kind: 'window', key: subscription });
    return this.#news.mark ? this.#news.mark.frameFor(frame, listener) : frame;
  }

  /** `meta` goes last, so that only its end differs. */
  #textBefore(): string {
    const { meta, ...rest } = messageOf(this.#news, this.#traits);
    const pos = this.#positions.text({ pos: this.pos, view: this.#traits.view });
    return JSON.stringify({ ...rest, meta: { ...meta, pos } }).slice(0, -2);
  }
}

/** Rules PSH1, PSH2 and PSH6, and those of live queries. */
function messageOf(
  news: News,
  { r, fields, view }: WindowTraits,
): JsonObject & { meta: JsonObject } {
  switch (news.evt) {
    case 'created':
    case 'entered': {
      const body = visibleBody(news.object, fields, news.hidden);
      return { evt: news.evt, r, body, meta: authorOf(news.by) };
    }
    case 'updated': {
      const { evt, rev, body, by, prev } = news;
      const meta = prev === rev - 1 ? authorOf(by) : { ...authorOf(by), prev };
      return { evt, r: news.r, rev, body: body as unknown as JsonObject, meta };
    }
    case 'snapshot': {
      const { object } = news;
      const body = visibleBody(object, fields, news.hidden);
      return { evt: 'snapshot', r: object.r, rev: object.rev, body, meta: { view } };
    }
    case 'left':
      return { evt: 'left', r: news.r, rev: news.rev, meta: authorOf(news.by) };
    default:
      return news satisfies never;
  }
}

function authorOf(by: Actor | undefined): JsonObject {
  return by ? { opBy: by as unknown as JsonObject } : {};
}
