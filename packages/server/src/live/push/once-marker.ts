import { isJsonObject, type JsonValue } from '@really/protocol';
import type { Change } from '../../store/stored-object.js';
import type { PushTarget } from '../push-target.js';
import { encodeFrame, type Frame } from './frame.js';

/**
 * Adds the once-id of the command that made a change as `meta.once`, only for the connections of
 * its author (rule ONC5). All others share one frame; the author's is derived from it on first use.
 */
export class OnceMarker {
  readonly #uid: string;
  readonly #once: string;
  readonly #marked = new WeakMap<Frame, Frame>();

  constructor(uid: string, once: string) {
    this.#uid = uid;
    this.#once = once;
  }

  frameFor(frame: Frame, { auth }: PushTarget): Frame {
    if (auth.uid !== this.#uid) return frame;
    const known = this.#marked.get(frame);
    if (known) return known;
    const marked = withOnce(frame, this.#once);
    this.#marked.set(frame, marked);
    return marked;
  }
}

/** The frame for this connection. `onceMarker`: see `onceMarkerOf`. */
export function markedFrame(
  frame: Frame,
  onceMarker: OnceMarker | undefined,
  pushTarget: PushTarget,
): Frame {
  return onceMarker ? onceMarker.frameFor(frame, pushTarget) : frame;
}

/** `undefined` if the command had no once-id. */
export function onceMarkerOf({ by, once }: Pick<Change, 'by' | 'once'>): OnceMarker | undefined {
  return once === undefined ? undefined : new OnceMarker(by.uid, once);
}

function withOnce({ text, replayPoint, head }: Frame, once: string): Frame {
  const push = JSON.parse(text) as JsonValue;
  if (!isJsonObject(push)) throw new TypeError('a push must be a JSON object');
  const meta = isJsonObject(push.meta) ? push.meta : {};
  return encodeFrame(JSON.stringify({ ...push, meta: { ...meta, once } }), replayPoint, head);
}
