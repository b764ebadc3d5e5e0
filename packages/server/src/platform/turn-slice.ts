import type { Clock } from './platform.js';
import { Slice } from './slices.js';

/** The time that several works together, which share it, have of one turn of the event loop. */
export class TurnSlice {
  readonly #clock: Pick<Clock, 'monotonic'>;
  #slice: Slice | undefined;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  get isOver(): boolean {
    this.#slice ??= this.#begin();
    return this.#slice.isOver;
  }

  /** Resolves in the next turn of the event loop. */
  async rest(): Promise<void> {
    await new Slice(this.#clock).rest();
  }

  #begin(): Slice {
    void this.rest().then(() => {
      this.#slice = undefined;
    });
    return new Slice(this.#clock);
  }
}
