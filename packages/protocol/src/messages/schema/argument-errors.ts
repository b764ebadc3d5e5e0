import { type FieldErrors, fail } from '../../errors.js';
import { setMember } from '../../json/json.js';

/** So many are told at once: an answer may not be larger than the request that it refuses. */
const maxErrors = 20;

/** What is wrong with the arguments of one request, by path. */
export class ArgumentErrors {
  readonly #errors: FieldErrors = {};
  #count = 0;

  /** Of several objections to one path, the first call tells all that is told. */
  add(path: string, ...details: string[]): void {
    if (this.isFull || Object.hasOwn(this.#errors, path)) return;
    setMember(this.#errors, path, details);
    this.#count += 1;
  }

  get isFull(): boolean {
    return this.#count >= maxErrors;
  }

  /** Throws 400 `request.invalid` where anything was added. */
  throwIfAny(): void {
    if (this.#count > 0) throw fail('request.invalid', this.#errors);
  }
}
