import { ownMember } from '@really/protocol';
import { lastTouched } from '../../objects/change.js';
import type { Change, CommittedChange } from '../../store/stored-object.js';

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
