import { setMember } from '@really/protocol';

/** Maximum paths in one response; the client learns of further errors when it has corrected these (rule LIM21). */
export const mostPaths = 1000;

/** Error codes by the path of the field; the paths come from clients. */
export class ValidationErrors {
  /** Created at the first error: mostly there is none. */
  #errors: Map<string, string[]> | undefined;

  add(path: string, code: string): void {
    this.#errors ??= new Map();
    const codes = this.#errors.get(path);
    if (codes !== undefined) {
      if (!codes.includes(code)) codes.push(code);
    } else if (this.#errors.size < mostPaths) this.#errors.set(path, [code]);
  }

  /** No further path would be reported. */
  get isFull(): boolean {
    return this.#errors !== undefined && this.#errors.size >= mostPaths;
  }

  has(path: string): boolean {
    return this.#errors?.has(path) === true;
  }

  get none(): boolean {
    return this.#errors === undefined;
  }

  /** As the `errors` of a response. */
  toFieldErrors(): Record<string, string[]> {
    const errors: Record<string, string[]> = {};
    for (const [path, codes] of this.#errors ?? []) setMember(errors, path, codes);
    return errors;
  }
}
