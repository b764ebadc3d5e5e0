import { ownMember } from '@really/protocol';
import { LRUCache } from 'lru-cache';
import type { Model } from '../../model/model.js';
import { visibleBody } from '../../model/view/view.js';
import { lastTouched } from '../../objects/change.js';
import { estimateBytes } from '../../objects/estimate-bytes.js';
import type { Change, CommittedChange, StoredObject } from '../../store/stored-object.js';
import type { Frame } from '../push/frame.js';
import { type OnceMarker, onceMarkerOf } from '../push/once-marker.js';
import { snapshotFrame, updatedFrame } from '../push/push-message.js';
import {
  gainsFields,
  isSameVisibility,
  lastVisibleChange,
  type Visibility,
  visibleDelta,
  visibleFields,
} from '../push/visibility.js';
import type { ObjectSubscription } from './object-subscription.js';

/** A revision to push. */
export interface RevisionToSend {
  readonly change: Change;
  /** The last revision before this one that touched the field. */
  touchedBefore(field: string): number;
}

/** A change sent as it happens. */
export class LiveRevision implements RevisionToSend {
  readonly change: CommittedChange;

  constructor(change: CommittedChange) {
    this.change = change;
  }

  touchedBefore(field: string): number {
    return ownMember(this.change.touched, field) ?? lastTouched(this.change.object, field);
  }
}

/** What to push: one revision or, without `revision`, everything up to the object's revision. */
export interface ObjectUpdate {
  readonly object: StoredObject;
  readonly revision?: RevisionToSend | undefined;
}

/** The frames of an update for all with the same visibility: encoded on first use, then shared. */
export class ObjectFrames {
  readonly model: Model;
  readonly visibility: Visibility;
  readonly object: StoredObject;
  readonly revision: RevisionToSend | undefined;
  /** The subscriber's revision after this update. */
  readonly rev: number;
  /** `undefined` if nothing visible changed, or only a snapshot can say it. */
  readonly update: Frame | undefined;
  /** Adds the once-id for the author, to an update or snapshot. */
  readonly onceMarker: OnceMarker | undefined;
  readonly #underView = new Map<string, Frame>();
  #changedAt: number | undefined;

  constructor(model: Model, visibility: Visibility, objectUpdate: ObjectUpdate) {
    const { object, revision } = objectUpdate;
    this.model = model;
    this.visibility = visibility;
    this.object = object;
    this.revision = revision;
    this.rev = revision?.change.rev ?? object.rev;
    this.update = revision && updateOf(model, visibility, revision);
    this.onceMarker = revision && onceMarkerOf(revision.change);
  }

  /** The snapshot for subscribers of one view. */
  snapshot(view: string): Frame {
    return this.#shared(`snapshot ${view}`, () => {
      const { object, visibility } = this;
      const body = visibleBody(object, visibility.fields, visibility.hidden);
      return snapshotFrame({ r: object.r, rev: object.rev, view, body });
    });
  }

  /** The update, for subscribers that also have to learn their new view. */
  updateUnder(view: string): Frame | undefined {
    const { model, visibility, revision, update } = this;
    if (!revision || !update) return undefined;
    return this.#shared(view, () => updateOf(model, visibility, revision, view) ?? update);
  }

  /** Frames encoded for single views. */
  get size(): number {
    return this.#underView.size;
  }

  /** The last revision that changed a visible field. */
  get changedAt(): number {
    this.#changedAt ??= lastVisibleChange(this.object, this.visibility);
    return this.#changedAt;
  }

  /** The kind of push this subscriber needs, if any. */
  evtFor({ rev, hidden }: ObjectSubscription): 'updated' | 'snapshot' | undefined {
    if (hidden && hidden !== this.visibility.hidden && gainsFields(hidden, this.visibility))
      return 'snapshot';
    if (this.revision) return this.update && 'updated';
    return this.changedAt > rev ? 'snapshot' : undefined;
  }

  #shared(key: string, encode: () => Frame): Frame {
    const known = this.#underView.get(key);
    if (known) return known;
    const frame = encode();
    this.#underView.set(key, frame);
    return frame;
  }
}

/** Objects whose frames are kept, and the bytes that such an object may have: some 20 MB in all. */
const mostObjects = 1024;
const mostBytes = 4096;

/** Views of an object whose frames are kept. */
const mostViews = 4;

/** The snapshots sent last: those who subscribe to an object one after another share the frame. */
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

function updateOf(
  model: Model,
  visibility: Visibility,
  revision: RevisionToSend,
  view?: string,
): Frame | undefined {
  const { change } = revision;
  const { r, rev, delta } = change;
  const body = visibleDelta(delta, visibility);
  if (!body) return undefined;
  const prev = previousChange(model, visibility, revision);
  return updatedFrame({ r, rev, authorship: change, body, prev, view });
}

/** Rule PSH4. With full visibility every revision is a visible change. */
function previousChange(model: Model, visibility: Visibility, revision: RevisionToSend): number {
  if (visibility.fields === undefined && visibility.hidden.length === 0)
    return revision.change.rev - 1;
  let last = 1;
  for (const field of visibleFields(model, visibility))
    last = Math.max(last, revision.touchedBefore(field));
  return last;
}
