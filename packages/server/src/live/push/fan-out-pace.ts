/** So many members of audiences are told before others may have their turn. */
const defaultPortion = 512;

/** What it takes to judge and encode for one more audience, in members that are told. */
export const groupWork = 16;

/** How fan-outs are cut: in work that counts as so many members told, so that they look at the clock only where they are large (rule LIM42). */
export class FanOutPace {
  readonly portion: number;
  #work = 0;

  constructor(portion = defaultPortion) {
    this.portion = portion;
  }

  /** Audiences that make up a portion. */
  get groups(): number {
    return Math.ceil(this.portion / groupWork);
  }

  /** Takes note of work that was done; true where others may have their turn. */
  isDue(work: number): boolean {
    this.#work += work;
    if (this.#work < this.portion) return false;
    this.#work = 0;
    return true;
  }
}
