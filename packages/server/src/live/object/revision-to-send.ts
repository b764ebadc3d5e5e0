import { ownMember } from '@really/protocol';
import { lastTouched } from '../../objects/change.js';
import type { Change, CommittedChange, StoredObject } from '../../store/stored-object.js';

/** A revision to push. */
export interface RevisionToSend {
  readonly change: Change;
  /** The object used for authorization: as the change left it, or the current one if sent late. */
  readonly object: StoredObject;
  /** The last revision before this one that touched the field. */
  touchedBefore(field: string): number;
}

/** A change sent as it happens. */
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

/** The last revision that touched each field, at some point in the history. Absent fields: 1. */
export type FieldRevisions = Map<string, number>;

/** A change sent late. `fieldRevisions`: the state before it. */
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
