import { type FieldErrors, fail } from '../../errors.js';
import { setMember } from '../../json/json.js';

/** Maximum errors in one response, which must not be larger than the request that it refuses. */
const maxErrors = 20;

/** Errors in the arguments of one request, by path. */
export class ArgumentErrors {
  readonly #errors: FieldErrors = {};
  #count = 0;

  /** Only the first call for a path has an effect. */
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
