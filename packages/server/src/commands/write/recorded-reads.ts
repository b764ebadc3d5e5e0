import { batchedLookups } from '../../model/lookups/batched-lookups.js';
import type { LookupFinder, LookupUse, ReadLookups } from '../../model/lookups/lookup.js';
import type { ReadObjects } from '../../objects/write-request.js';
import type { StoredObject } from '../../store/stored-object.js';
import type { ObjectRead } from '../../store/write-group.js';

interface Recorded {
  readonly rev: number;
  /** `undefined`: all. */
  fields: Set<string> | undefined;
}

/**
 * Finds the objects that the scripts of one write look at, each once, and keeps what they saw: the commit requires it
 * to be so still (rule LKP3).
 */
export class RecordedReads implements LookupFinder {
  readonly read: ReadLookups;
  readonly #recorded = new Map<string, Recorded>();

  constructor(readObjects: ReadObjects) {
    this.read = batchedLookups(readObjects);
  }

  readonly onFound = (
    r: string,
    object: StoredObject | undefined,
    members: LookupUse['members'],
  ): void => {
    const recorded = this.#recorded.get(r) ?? { rev: object?.rev ?? 0, fields: new Set<string>() };
    this.#recorded.set(r, recorded);
    if (members === 'all' || members.has('_rev')) recorded.fields = undefined;
    else for (const member of members) recorded.fields?.add(member);
  };

  /** What the write was decided by so far. */
  get reads(): ObjectRead[] {
    return [...this.#recorded].map(([r, { rev, fields }]) => {
      return { r, rev, fields: fields && [...fields] };
    });
  }
}
