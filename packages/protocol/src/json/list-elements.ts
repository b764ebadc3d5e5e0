import { deepEqual } from './deep-equal.js';
import type { JsonValue } from './json.js';
import { JsonSet } from './json-set.js';

/** Consecutive lookups in a list after which a set pays off. */
const maxScans = 4;
/** Shorter lists are always scanned. */
const shortList = 16;
/** Lists that are remembered. */
const maxLists = 4;

interface IndexedList {
  readonly list: readonly JsonValue[];
  scans: number;
  set: JsonSet | undefined;
}

/**
 * Whether lists contain elements, by deep equality. Repeated lookups in the same list build a set
 * of it: a filter with hundreds of `contains`, or hundreds of filters with one, then cost the
 * length of the list once. A list must not change meanwhile.
 */
export class ListElements {
  /** Most recent first. */
  readonly #known: IndexedList[] = [];

  has(list: readonly JsonValue[], element: JsonValue): boolean {
    if (list.length < shortList) return list.some((item) => deepEqual(item, element));
    const known = this.#find(list);
    if (!known.set && known.scans < maxScans) {
      known.scans += 1;
      return list.some((item) => deepEqual(item, element));
    }
    known.set ??= new JsonSet(list);
    return known.set.has(element);
  }

  #find(list: readonly JsonValue[]): IndexedList {
    const [last] = this.#known;
    if (last?.list === list) return last;
    const at = this.#known.findIndex((item) => item.list === list);
    const [known = { list, scans: 0, set: undefined }] = at < 0 ? [] : this.#known.splice(at, 1);
    this.#known.unshift(known);
    if (this.#known.length > maxLists) this.#known.pop();
    return known;
  }
}
