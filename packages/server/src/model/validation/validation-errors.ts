import { setMember } from '@really/protocol';

/** Paths that one answer names; what is wrong beyond that, the client learns when it has mended these (rule LIM21). */
export const mostPaths = 1000;

/** Error codes by the path of the field, under names that came from outside. */
export class ValidationErrors {
  /** Made when there is something to say: mostly there is nothing. */
  #errors: Map<string, string[]> | undefined;

  add(path: string, code: string): void {
    this.#errors ??= new Map();
    const codes = this.#errors.get(path);
    if (codes !== undefined) {
      if (!codes.includes(code)) codes.push(code);
    } else if (this.#errors.size < mostPaths) this.#errors.set(path, [code]);
  }

  /** No other path would be told. */
  get isFull(): boolean {
    return this.#errors !== undefined && this.#errors.size >= mostPaths;
  }

  has(path: string): boolean {
    return this.#errors?.has(path) === true;
  }

  get none(): boolean {
    return this.#errors === undefined;
  }

  /** As an error answer says it. */
  toFieldErrors(): Record<string, string[]> {
    const errors: Record<string, string[]> = {};
    for (const [path, codes] of this.#errors ?? []) setMember(errors, path, codes);
    return errors;
  }
}
