import type { Delta, JsonObject } from '@really/protocol';
import { visibleBody } from '../../model/view/view.js';
import { asVisible } from '../../queries/access-scope.js';
import { sortPositionOf } from '../../store/order.js';
import type { Order } from '../../store/store-reads.js';
import type { Change, Pos, StoredObject } from '../../store/stored-object.js';
import type { Position, Positions } from '../position.js';
import { type Authorship, authorshipMeta } from '../push/authorship.js';
import { encodeFrame, type Frame, headOf, type PushHead } from '../push/frame.js';
import { markedFrame, type OnceMarker, onceMarkerOf } from '../push/once-marker.js';
import { gainsFields, type Visibility, visibleDelta } from '../push/visibility.js';
import type { PushTarget } from '../push-target.js';
import type { Row, WindowChange } from './query-window.js';

/** `authorship`: of the change that caused it, if one did; `onceMarker`: if that had a once-id. */
export type WindowEvent = { readonly onceMarker?: OnceMarker | undefined } & (
  | {
      readonly evt: 'created' | 'entered' | 'snapshot';
      readonly object: StoredObject;
      readonly hidden: readonly string[];
      readonly authorship?: Authorship | undefined;
    }
  | {
      readonly evt: 'updated';
      readonly r: string;
      readonly rev: number;
      readonly body: Delta;
      readonly authorship: Authorship;
      readonly prev: number;
    }
  | {
      readonly evt: 'left';
      readonly r: string;
      readonly rev: number;
      readonly authorship?: Authorship | undefined;
    }
);

/** An object that a query matches after a change. */
export interface ChangedRow {
  readonly object: StoredObject;
  /** Its row before the change, if any. */
  readonly before: Row | undefined;
  readonly row: Row;
  /** The visible part of the change. */
  readonly body: Delta | undefined;
  readonly visibility: Visibility;
}

/** `hidden`: the fields that the reader may not see after the change. */
export function changedRow(
  { fields, order }: Pick<WindowTraits, 'fields'> & { readonly order: Order },
  { delta }: Pick<Change, 'delta'>,
  { object, before, hidden }: Pick<ChangedRow, 'object' | 'before'> & Pick<Row, 'hidden'>,
): ChangedRow {
  const { r, rev } = object;
  const visibility = { fields, hidden };
  const body = visibleDelta(delta, visibility);
  const place = sortPositionOf(asVisible({ object, hidden }), order);
  const changedAt = body || !before ? rev : before.changedAt;
  return { object, before, row: { r, rev, place, hidden, changedAt }, body, visibility };
}

/**
 * The events of a change, without that of a row which entered from the reserve: those who leave come
 * first, then the changed object itself, if it is in the window now.
 */
export function windowEventsOf(
  change: Change,
  windowChange: WindowChange,
  changed?: ChangedRow,
): WindowEvent[] {
  const { r, rev } = change;
  const { wasIn, isIn, left } = windowChange;
  const onceMarker = onceMarkerOf(change);
  const events: WindowEvent[] = [];
  if (wasIn && !isIn) events.push({ evt: 'left', r, rev, authorship: change, onceMarker });
  if (left) events.push({ evt: 'left', r: left.r, rev: left.rev });
  if (!isIn || !changed) return events;
  const { object, before, body, visibility } = changed;
  const { hidden } = visibility;
  if (!wasIn) {
    const evt = change.type === 'create' ? 'created' : 'entered';
    events.push({ evt, object, hidden, authorship: change, onceMarker });
  } else if (before && gainsFields(before.hidden, visibility)) {
    events.push({ evt: 'snapshot', object, hidden, onceMarker });
  } else if (before && body) {
    const prev = before.changedAt;
    events.push({ evt: 'updated', r, rev, body, authorship: change, onceMarker, prev });
  }
  return events;
}

/** What the subscribers of a window share. */
export interface WindowTraits {
  /** The printed R of the collection, as subscribed. */
  readonly r: string;
  readonly fields: readonly string[] | undefined;
  readonly view: string;
}

/** What the frames of a delivery share. */
export interface WindowFramesContext {
  readonly traits: WindowTraits;
  readonly positions: Positions;
  /** Bytes of frames that may still be kept for others with the same subscription id. */
  keep: number;
}

/**
 * For `keep`: enough for thousands of ids of small events, and for some of the largest. Beyond, each
 * subscriber gets a frame of its own, which is gone when it is sent.
 */
export const mostKept = 8 * 1024 * 1024;

/** The frames of one event: one for each subscription id, which many subscribers have in common. */
export class WindowEventFrames {
  readonly evt: WindowEvent['evt'];
  /** The position to resume from after this event. */
  readonly pos: Pos;
  readonly #event: WindowEvent;
  readonly #context: WindowFramesContext;
  /** The text up to the subscription's id, and the head. */
  #shared: { readonly before: string; readonly head: PushHead } | undefined;
  /** The frame for one id, and those for others: most windows have one subscriber. */
  #first: { readonly subscription: string; readonly frame: Frame } | undefined;
  #others: Map<string, Frame> | undefined;

  constructor(event: WindowEvent, context: WindowFramesContext, pos: Pos) {
    this.evt = event.evt;
    this.pos = pos;
    this.#event = event;
    this.#context = context;
  }

  /** For a subscriber that has received everything up to this position. */
  notBefore(pos: Pos): WindowEventFrames {
    return this.pos < pos ? new WindowEventFrames(this.#event, this.#context, pos) : this;
  }

  frameFor(subscription: string, pushTarget: PushTarget): Frame {
    const frame = this.#sharedFor(subscription);
    return markedFrame(frame, this.#event.onceMarker, pushTarget);
  }

  #sharedFor(subscription: string): Frame {
    const known = this.#keptFor(subscription);
    if (known) return known;
    this.#shared ??= this.#encodeShared();
    const { before, head } = this.#shared;
    const text = `${before},"subscription":${JSON.stringify(subscription)}}}`;
    const frame = encodeFrame(text, { kind: 'window', key: subscription }, head);
    const keep = this.#context.keep - frame.bytes.length;
    if (keep < 0) return frame;
    this.#context.keep = keep;
    if (!this.#first) this.#first = { subscription, frame };
    else {
      this.#others ??= new Map();
      this.#others.set(subscription, frame);
    }
    return frame;
  }

  #keptFor(subscription: string): Frame | undefined {
    if (this.#first?.subscription === subscription) return this.#first.frame;
    return this.#others?.get(subscription);
  }

  /** For a subscriber that does not know its view yet, or resumes from another position. */
  frameFrom(subscription: string, from: Position, pushTarget: PushTarget): Frame {
    const { traits, positions } = this.#context;
    const push = messageOf(this.#event, traits);
    Object.assign(push.meta, { pos: positions.text(from), view: traits.view, subscription });
    const replayPoint = { kind: 'window', key: subscription } as const;
    const frame = encodeFrame(JSON.stringify(push), replayPoint, headOf(push));
    return markedFrame(frame, this.#event.onceMarker, pushTarget);
  }

  /** `meta` goes last, so that frames differ only at the end. */
  #encodeShared(): { before: string; head: PushHead } {
    const { traits, positions } = this.#context;
    const push = messageOf(this.#event, traits);
    push.meta.pos = positions.text({ pos: this.pos, view: traits.view });
    return { before: JSON.stringify(push).slice(0, -2), head: headOf(push) };
  }
}

interface WindowMessage extends JsonObject {
  evt: WindowEvent['evt'];
  rev?: number;
  meta: JsonObject;
}

/** Rules PSH1, PSH2 and PSH6, and those of live queries. The caller completes its `meta`. */
function messageOf(event: WindowEvent, { r, fields, view }: WindowTraits): WindowMessage {
  switch (event.evt) {
    case 'created':
    case 'entered': {
      const body = visibleBody(event.object, fields, event.hidden);
      return { evt: event.evt, r, body, meta: metaOf(event.authorship) };
    }
    case 'updated': {
      const { evt, rev, body, authorship, prev } = event;
      const meta = metaOf(authorship);
      if (prev !== rev - 1) meta.prev = prev;
      return { evt, r: event.r, rev, body: body as unknown as JsonObject, meta };
    }
    case 'snapshot': {
      const { object } = event;
      const body = visibleBody(object, fields, event.hidden);
      return { evt: 'snapshot', r: object.r, rev: object.rev, body, meta: { view } };
    }
    case 'left':
      return { evt: 'left', r: event.r, rev: event.rev, meta: metaOf(event.authorship) };
    default:
      return event satisfies never;
  }
}

function metaOf(authorship: Authorship | undefined): JsonObject {
  return authorship ? (authorshipMeta(authorship) as unknown as JsonObject) : {};
}
