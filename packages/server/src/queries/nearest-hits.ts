import type { SortPosition } from '@really/protocol';
import { estimateBytes } from '../objects/estimate-bytes.js';
import type { StoredObject } from '../store/stored-object.js';

interface PlacedObject {
  readonly place: SortPosition;
  readonly object: Pick<StoredObject, 'data'>;
}

/** A candidate for a page: its place alone where the hit is not kept. */
export interface Candidate<Hit> {
  readonly place: SortPosition;
  readonly hit?: Hit | undefined;
}

interface NearestHitsOptions {
  readonly compare: (a: SortPosition, b: SortPosition) => number;
  /** How many are wanted. */
  readonly most: number;
  /** Approximate bytes of hits that are kept. */
  readonly bytes: number;
}

/**
 * The hits of a scan that come first in another order. They are kept as authorized, and only their
 * places once they take more than there is room for.
 */
export class NearestHits<Hit extends PlacedObject> {
  readonly #options: NearestHitsOptions;
  #best: Candidate<Hit>[] = [];
  /** Approximate bytes of the hits in it. */
  #size = 0;
  #end: SortPosition | undefined;
  /** Whether all of them are kept as authorized. */
  keepsHits: boolean;

  constructor(options: NearestHitsOptions) {
    this.#options = options;
    this.keepsHits = options.bytes > 0;
  }

  add(hit: Hit): void {
    const { most, bytes } = this.#options;
    this.#best.push(this.keepsHits ? { place: hit.place, hit } : { place: hit.place });
    if (this.keepsHits) this.#size += sizeOf(hit);
    // Not before it has twice as much: sorting takes time.
    if (this.#best.length > 2 * most || this.#size > 2 * bytes) this.#trim();
  }

  /** Those wanted, in order, and the place of the last if others come after it. */
  result(): { readonly best: readonly Candidate<Hit>[]; readonly end: SortPosition | undefined } {
    this.#trim();
    return { best: this.#best, end: this.#end };
  }

  #trim(): void {
    const { compare, most, bytes } = this.#options;
    this.#best.sort((a, b) => compare(a.place, b.place));
    if (this.#best.length > most) {
      this.#best = this.#best.slice(0, most);
      this.#end = this.#best.at(-1)?.place;
    }
    if (this.#size <= bytes) return;
    this.#size = this.#best.reduce((sum, { hit }) => sum + (hit ? sizeOf(hit) : 0), 0);
    if (this.#size <= bytes) return;
    this.#best = this.#best.map(({ place }) => ({ place }));
    this.#size = 0;
    this.keepsHits = false;
  }
}

function sizeOf({ object }: PlacedObject): number {
  return estimateBytes(object.data);
}
