import { LRUCache } from 'lru-cache';
import type { Model } from '../../model/model.js';
import { estimateBytes } from '../../objects/estimate-bytes.js';
import type { StoredObject } from '../../store/stored-object.js';
import { isSameVisibility, type Visibility } from '../push/visibility.js';
import { ObjectFrames } from './object-frames.js';

/** Objects whose frames are kept, and the bytes that such an object may have: some 20 MB in all. */
const mostObjects = 1024;
const mostBytes = 4096;

/** Views of an object whose frames are kept. */
const mostViews = 4;

interface LastFrames {
  readonly model: Model;
  readonly frames: ObjectFrames;
}

/**
 * The snapshots that were sent last: those who subscribe to the same object one after another share
 * the encoded frame.
 */
export class SnapshotFrames {
  readonly #last = new LRUCache<string, LastFrames>({ max: mostObjects });

  of(model: Model, visibility: Visibility, object: StoredObject): ObjectFrames {
    const last = this.#last.get(object.r);
    if (last?.model === model && isReusable(last.frames, visibility, object)) return last.frames;
    const frames = new ObjectFrames(model, visibility, { object });
    if (estimateBytes(object.data) <= mostBytes) this.#last.set(object.r, { model, frames });
    return frames;
  }
}

function isReusable(frames: ObjectFrames, visibility: Visibility, object: StoredObject): boolean {
  return (
    frames.object === object &&
    frames.size < mostViews &&
    isSameVisibility(frames.visibility, visibility)
  );
}
