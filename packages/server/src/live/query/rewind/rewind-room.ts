import { fail } from '@really/protocol';

/** Approximate bytes that a rewind may still read. */
export class RewindRoom {
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  get left(): number {
    return this.#left;
  }

  /** Throws 410 `position.gone` where that is more than is left. */
  take(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) throw fail('position.gone');
  }
}
