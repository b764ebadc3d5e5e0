import { ownMember } from '@really/protocol';
import { lastTouched } from '../../objects/change.js';
import type { Change, CommittedChange, StoredObject } from '../../store/store.js';

/** One revision on its way to subscribers. */
export interface RevisionToSend {
  readonly change: Change;
  /** The object that rights are judged by: as the change left it, or, where it is told late, as it is now. */
  readonly object: StoredObject;
  /** The revision that had touched this field before the change. */
  touchedBefore(field: string): number;
}

/** A change that is told as it happens. */
export class LiveRevision implements RevisionToSend {
  readonly change: CommittedChange;

  constructor(change: CommittedChange) {
    this.change = change;
  }

  get object(): StoredObject {
    return this.change.object;
  }

  touchedBefore(field: string): number {
    return ownMember(this.change.touched, field) ?? lastTouched(this.object, field);
  }
}

/** Which revision had last touched each field of an object at some revision. A field that is absent: 1. */
export type FieldRevisions = Map<string, number>;

/** A change that is told late. `touchedAt` says how things stood before it. */
export class ReplayedRevision implements RevisionToSend {
  readonly change: Change;
  readonly object: StoredObject;
  readonly #fieldRevisions: FieldRevisions;

  constructor(change: Change, object: StoredObject, fieldRevisions: FieldRevisions) {
    this.change = change;
    this.object = object;
    this.#fieldRevisions = fieldRevisions;
  }

  touchedBefore(field: string): number {
    return this.#fieldRevisions.get(field) ?? 1;
  }
}
