import { fail } from '@really/protocol';

/** Approximate bytes that a search may still find; `take` throws where that is more than is left. */
export interface WindowRoom {
  readonly left: number;
  take(bytes: number): void;
}

/** Room for the objects of a live query, with those in reserve (rule LIM4). */
export class BoundedWindowRoom implements WindowRoom {
  #left: number;

  /** `bytes`: approximately as many. */
  constructor(bytes: number) {
    this.#left = bytes;
  }

  get left(): number {
    return this.#left;
  }

  /** Throws 400 `window.too.large` where it is more than is left. */
  take(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) throw fail.invalid('cmdOpts.limit', 'window.too.large');
  }
}
