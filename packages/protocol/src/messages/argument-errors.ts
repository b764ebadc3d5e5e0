import { type FieldErrors, fail } from '../errors.js';

/** So many are told at once: an answer may not be larger than the request that it refuses. */
const most = 20;

/** What is wrong with the arguments of one request, by path. */
export class ArgumentErrors {
  readonly #errors: FieldErrors = {};
  #count = 0;

  /** A path is made of the names of the protocol and of indexes, never of names that a client chose. */
  add(path: string, expected: string): void {
    if (this.isFull || path in this.#errors) return;
    this.#errors[path] = [expected];
    this.#count += 1;
  }

  get isFull(): boolean {
    return this.#count >= most;
  }

  /** Throws 400 `request.invalid` where anything was added. */
  throwIfAny(): void {
    if (this.#count > 0) throw fail('request.invalid', this.#errors);
  }
}
