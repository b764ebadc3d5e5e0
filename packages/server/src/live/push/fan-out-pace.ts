/** Members pushed to before yielding. */
const defaultPortion = 512;

/** Cost of authorizing and encoding for another group, in members pushed to. */
export const groupWork = 16;

/**
 * Splits large fan-outs by an estimate of work, counted in members pushed to: the clock is read
 * only when they are large (rule LIM42).
 */
export class FanOutPace {
  readonly portion: number;
  #work = 0;

  constructor(portion = defaultPortion) {
    this.portion = portion;
  }

  /** Groups per portion. */
  get groups(): number {
    return Math.ceil(this.portion / groupWork);
  }

  /** Counts work done; true when it is time to yield. */
  isDue(work: number): boolean {
    this.#work += work;
    if (this.#work < this.portion) return false;
    this.#work = 0;
    return true;
  }
}
