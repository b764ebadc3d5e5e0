/** So many members of an audience are told, or left, before others may have their turn. */
export const portion = 512;

/** What it takes to judge and encode for one more audience, in members that are told. */
export const audienceWork = 16;

/** Counts work in members that are told, so that fan-outs look at the clock only where they are large (rule LIM42). */
export class Pace {
  #work = 0;

  /** Takes note of work that was done; true where others may have their turn. */
  isDue(work: number): boolean {
    this.#work += work;
    if (this.#work < portion) return false;
    this.#work = 0;
    return true;
  }
}
