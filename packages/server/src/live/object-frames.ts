import type { Model } from '../model/model.js';
import { visibleBody } from '../model/view.js';
import type { StoredObject } from '../store/store.js';
import type { Frame } from './frame.js';
import type { ObjectStep } from './object-step.js';
import type { ObjectSubscription } from './object-subscription.js';
import { type OwnMark, ownMarkOf } from './own-mark.js';
import { snapshotFrame, updatedFrame } from './push-message.js';
import { lastChange, type Sight, seenDelta, seenFields, seesMore } from './visible-fields.js';

/** What is to be told: one revision, or, without a step, everything up to the object's revision. */
export interface ObjectNews {
  readonly object: StoredObject;
  readonly step?: ObjectStep | undefined;
}

/** News for those who see the same of an object: encoded when the first of them needs it, and then shared. */
export class ObjectFrames {
  readonly sight: Sight;
  readonly object: StoredObject;
  readonly step: ObjectStep | undefined;
  /** The revision that a subscriber is at who has heard the news. */
  readonly rev: number;
  /** For who sees what it did before; `undefined` where nothing of that changed, or only a snapshot can tell. */
  readonly update: Frame | undefined;
  /** For the author of the revision, whether an update or a snapshot tells it. */
  readonly mark: OwnMark | undefined;
  readonly #underView = new Map<string, Frame>();
  readonly #model: Model;
  #changedAt: number | undefined;

  constructor(model: Model, sight: Sight, news: ObjectNews) {
    this.sight = sight;
    this.object = news.object;
    this.step = news.step;
    this.rev = news.step?.change.rev ?? news.object.rev;
    this.#model = model;
    this.update = news.step && updateOf(model, sight, news.step);
    this.mark = news.step && ownMarkOf(news.step.change);
  }

  /** For those of one view. */
  snapshot(view: string): Frame {
    return this.#shared(`snapshot ${view}`, () => {
      const { object, sight } = this;
      const body = visibleBody(object, sight.fields, sight.hidden);
      return snapshotFrame({ r: object.r, rev: object.rev, view, body });
    });
  }

  /** The update, for those who hear with it that their view is this one now. */
  updateUnder(view: string): Frame | undefined {
    const { step, update } = this;
    if (!step || !update) return undefined;
    return this.#shared(view, () => updateOf(this.#model, this.sight, step, view) ?? update);
  }

  /** The last revision of the object that changed anything seen. */
  get changedAt(): number {
    this.#changedAt ??= lastChange(this.object, this.sight);
    return this.#changedAt;
  }

  /** What this subscriber has to get, if anything. */
  evtFor({ rev, hidden }: ObjectSubscription): 'updated' | 'snapshot' | undefined {
    if (hidden && hidden !== this.sight.hidden && seesMore(hidden, this.sight)) return 'snapshot';
    if (this.step) return this.update && 'updated';
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

function updateOf(model: Model, sight: Sight, step: ObjectStep, view?: string): Frame | undefined {
  const { r, rev, by, delta } = step.change;
  const body = seenDelta(delta, sight);
  return body && updatedFrame({ r, rev, by, body, prev: previousChange(model, sight, step), view });
}

/** Rule PSH4. Who sees everything sees a change in every revision. */
function previousChange(model: Model, sight: Sight, step: ObjectStep): number {
  if (sight.fields === undefined && sight.hidden.length === 0) return step.change.rev - 1;
  let last = 1;
  for (const field of seenFields(model, sight)) last = Math.max(last, step.touchedBefore(field));
  return last;
}
