/**
 * The cost of the list operations of one update, in approximate bytes of JSON compared. The count
 * is the same on every machine, so that a client that applies the update gets as far as the server
 * does.
 */
export class UpdateWork {
  readonly #limit: number;
  #done = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** No operation begins beyond the limit; one that has begun scans its list once. */
  get isSpent(): boolean {
    return this.#done > this.#limit;
  }

  compared(characters: number): void {
    this.#done += characters;
  }

  /** Elements that were skipped or moved, by number: much cheaper than their content. */
  passed(elements: number): void {
    this.#done += elements / 16;
  }
}
