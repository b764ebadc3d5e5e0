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

/**
 * The snapshots that were sent last: those who subscribe to the same object one after another share
 * the encoded frame.
 */
export class SnapshotFrames {
  readonly #last = new LRUCache<string, ObjectFrames>({ max: mostObjects });

  of(model: Model, visibility: Visibility, object: StoredObject): ObjectFrames {
    const last = this.#last.get(object.r);
    const isSame = last?.model === model && last.object === object;
    if (isSame && last.size < mostViews && isSameVisibility(last.visibility, visibility)) {
      return last;
    }
    const frames = new ObjectFrames(model, visibility, { object });
    if (estimateBytes(object.data) <= mostBytes) this.#last.set(object.r, frames);
    return frames;
  }
}
