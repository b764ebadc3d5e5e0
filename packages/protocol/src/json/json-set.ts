import { canonicalText, isPlain } from './canonical-text.js';
import type { JsonValue } from './json.js';

/** A set of JSON values by deep equality. A lookup costs the size of the value, not of the set. */
export class JsonSet {
  readonly #plain = new Set<JsonValue>();
  readonly #composite = new Set<string>();

  constructor(values: Iterable<JsonValue> = []) {
    for (const value of values) this.add(value);
  }

  add(value: JsonValue): void {
    if (isPlain(value)) this.#plain.add(value);
    else this.#composite.add(canonicalText(value));
  }

  /** `textOf`: for values whose canonical texts are known already. */
  has(value: JsonValue, textOf = canonicalText): boolean {
    if (isPlain(value)) return this.#plain.has(value);
    return this.#composite.size > 0 && this.#composite.has(textOf(value));
  }

  delete(value: JsonValue): void {
    if (isPlain(value)) this.#plain.delete(value);
    else if (this.#composite.size > 0) this.#composite.delete(canonicalText(value));
  }
}
