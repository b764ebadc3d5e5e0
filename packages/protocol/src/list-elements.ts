import { deepEqual } from './deep-equal.js';
import type { JsonValue } from './json.js';
import { JsonSet } from './json-set.js';

/** A list that is looked through this often in a row is worth a set. */
const mostScans = 4;
/** Shorter lists never are. */
const shortList = 16;
/** Lists that are remembered. */
const mostLists = 4;

interface Known {
  readonly list: readonly JsonValue[];
  scans: number;
  set: JsonSet | undefined;
}

/**
 * Whether lists have elements, by deep equality. Asked about the same list again and again, it makes a set of that: a filter with hundreds of
 * `contains`, or hundreds of filters with one, then cost the length of the list once. A list must not change meanwhile.
 */
export class ListElements {
  /** The last one first. */
  readonly #known: Known[] = [];

  has(list: readonly JsonValue[], element: JsonValue): boolean {
    if (list.length < shortList) return list.some((one) => deepEqual(one, element));
    const known = this.#find(list);
    if (!known.set && known.scans < mostScans) {
      known.scans += 1;
      return list.some((one) => deepEqual(one, element));
    }
    known.set ??= new JsonSet(list);
    return known.set.has(element);
  }

  #find(list: readonly JsonValue[]): Known {
    const [last] = this.#known;
    if (last?.list === list) return last;
    const at = this.#known.findIndex((one) => one.list === list);
    const [known = { list, scans: 0, set: undefined }] = at < 0 ? [] : this.#known.splice(at, 1);
    this.#known.unshift(known);
    if (this.#known.length > mostLists) this.#known.pop();
    return known;
  }
}
