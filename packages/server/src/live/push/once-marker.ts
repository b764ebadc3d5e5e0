import { isJsonObject, type JsonValue } from '@really/protocol';
import type { Change } from '../../store/store.js';
import type { PushTarget } from '../push-target.js';
import { encodeFrame, type Frame } from './frame.js';

/**
 * The once-id of the command that made a change: its author's connections are told it as `meta.once`, and nobody
 * else is (rule ONC5). All others share one frame; the author's are made of it when the first of them needs one.
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

/** `undefined` for a change that nobody can recognize: its command had no once-id. */
export function onceMarkerOf({ by, once }: Pick<Change, 'by' | 'once'>): OnceMarker | undefined {
  return once === undefined ? undefined : new OnceMarker(by.uid, once);
}

/** Puts the id into whatever push it is, after the members that it has. */
function withOnce({ text, replayPoint }: Frame, once: string): Frame {
  const push = JSON.parse(text) as JsonValue;
  if (!isJsonObject(push)) throw new TypeError('a push is a JSON object');
  const meta = isJsonObject(push.meta) ? push.meta : {};
  return encodeFrame(JSON.stringify({ ...push, meta: { ...meta, once } }), replayPoint);
}
