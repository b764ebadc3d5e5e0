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
  readonly #readObjects: ReadObjects;
  /** These two exist once a script looks something up: most writes have none that does. */
  #read: ReadLookups | undefined;
  #recorded: Map<string, Recorded> | undefined;

  constructor(readObjects: ReadObjects) {
    this.#readObjects = readObjects;
  }

  get read(): ReadLookups {
    this.#read ??= batchedLookups(this.#readObjects);
    return this.#read;
  }

  readonly onFound = (
    r: string,
    object: StoredObject | undefined,
    members: LookupUse['members'],
  ): void => {
    this.#recorded ??= new Map();
    const recorded = this.#recorded.get(r) ?? { rev: object?.rev ?? 0, fields: new Set<string>() };
    this.#recorded.set(r, recorded);
    if (members === 'all' || members.has('_rev')) recorded.fields = undefined;
    else for (const member of members) recorded.fields?.add(member);
  };

  /** What the write was decided by so far. */
  get reads(): ObjectRead[] | undefined {
    if (!this.#recorded) return undefined;
    return [...this.#recorded].map(([r, { rev, fields }]) => {
      return { r, rev, fields: fields && [...fields] };
    });
  }
}
