import type { Actor, Delta, JsonObject } from '@really/protocol';
import { visibleBody } from '../../model/view/view.js';
import type { CommittedChange, Pos, StoredObject } from '../../store/store.js';
import type { Position, Positions } from '../position.js';
import { encodeFrame, type Frame } from '../push/frame.js';
import type { OnceMarker } from '../push/once-marker.js';
import { gainsFields, type Visibility } from '../push/visibility.js';
import type { PushTarget } from '../push-target.js';
import type { Row, WindowChange } from './query-window.js';

/**
 * An event of a window. `by`: the author, if a change caused it; `onceMarker`: if that had a
 * once-id.
 */
export type WindowEvent = { readonly onceMarker?: OnceMarker | undefined } & (
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

export interface OwnEventOptions {
  readonly onceMarker: OnceMarker | undefined;
  readonly change: CommittedChange;
  /** The object's row before the change, if any. */
  readonly row: Row | undefined;
  readonly windowChange: WindowChange;
  /** The visible part of the change. */
  readonly body: Delta | undefined;
  readonly visibility: Visibility;
}

/** The event of the changed object itself, if it is in the window now; at most one. */
export function ownEvents(options: OwnEventOptions): WindowEvent[] {
  const { onceMarker, change, row, windowChange, body, visibility } = options;
  const { r, rev, object, by } = change;
  const { hidden } = visibility;
  if (!windowChange.isIn) return [];
  if (!windowChange.wasIn) {
    return [
      { evt: change.type === 'create' ? 'created' : 'entered', object, hidden, by, onceMarker },
    ];
  }
  if (row && gainsFields(row.hidden, visibility))
    return [{ evt: 'snapshot', object, hidden, onceMarker }];
  return row && body ? [{ evt: 'updated', r, rev, body, by, onceMarker, prev: row.changedAt }] : [];
}

/** What the subscribers of a window share. */
export interface WindowTraits {
  /** The printed R of the collection, as subscribed. */
  readonly r: string;
  readonly fields: readonly string[] | undefined;
  readonly view: string;
}

/**
 * The frames of one event. Frames differ by subscription id, which many subscribers have in common.
 */
export class WindowEventFrames {
  readonly evt: WindowEvent['evt'];
  /** The position to resume from after this event. */
  readonly pos: Pos;
  readonly #event: WindowEvent;
  readonly #traits: WindowTraits;
  readonly #positions: Positions;
  #before: string | undefined;
  readonly #byId = new Map<string, Frame>();

  constructor(
    event: WindowEvent,
    { traits, positions }: { traits: WindowTraits; positions: Positions },
    pos: Pos,
  ) {
    this.evt = event.evt;
    this.pos = pos;
    this.#event = event;
    this.#traits = traits;
    this.#positions = positions;
  }

  /** For a subscriber that has received everything up to this position. */
  notBefore(pos: Pos): WindowEventFrames {
    return this.pos < pos
      ? new WindowEventFrames(
          this.#event,
          { traits: this.#traits, positions: this.#positions },
          pos,
        )
      : this;
  }

  frameFor(subscription: string, pushTarget: PushTarget): Frame {
    const frame = this.#sharedFor(subscription);
    return this.#event.onceMarker ? this.#event.onceMarker.frameFor(frame, pushTarget) : frame;
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

  /**
   * A frame for one subscriber that does not know its view yet, or resumes from another position.
   */
  frameFrom(subscription: string, from: Position, pushTarget: PushTarget): Frame {
    const { meta, ...rest } = messageOf(this.#event, this.#traits);
    const own = { pos: this.#positions.text(from), view: this.#traits.view, subscription };
    const text = JSON.stringify({ ...rest, meta: { ...meta, ...own } });
    const frame = encodeFrame(text, { kind: 'window', key: subscription });
    return this.#event.onceMarker ? this.#event.onceMarker.frameFor(frame, pushTarget) : frame;
  }

  /** `meta` goes last, so that frames differ only at the end. */
  #textBefore(): string {
    const { meta, ...rest } = messageOf(this.#event, this.#traits);
    const pos = this.#positions.text({ pos: this.pos, view: this.#traits.view });
    return JSON.stringify({ ...rest, meta: { ...meta, pos } }).slice(0, -2);
  }
}

/** Rules PSH1, PSH2 and PSH6, and those of live queries. */
function messageOf(
  event: WindowEvent,
  { r, fields, view }: WindowTraits,
): JsonObject & { meta: JsonObject } {
  switch (event.evt) {
    case 'created':
    case 'entered': {
      const body = visibleBody(event.object, fields, event.hidden);
      return { evt: event.evt, r, body, meta: authorOf(event.by) };
    }
    case 'updated': {
      const { evt, rev, body, by, prev } = event;
      const meta = prev === rev - 1 ? authorOf(by) : { ...authorOf(by), prev };
      return { evt, r: event.r, rev, body: body as unknown as JsonObject, meta };
    }
    case 'snapshot': {
      const { object } = event;
      const body = visibleBody(object, fields, event.hidden);
      return { evt: 'snapshot', r: object.r, rev: object.rev, body, meta: { view } };
    }
    case 'left':
      return { evt: 'left', r: event.r, rev: event.rev, meta: authorOf(event.by) };
    default:
      return event satisfies never;
  }
}

function authorOf(by: Actor | undefined): JsonObject {
  return by ? { opBy: by as unknown as JsonObject } : {};
}
