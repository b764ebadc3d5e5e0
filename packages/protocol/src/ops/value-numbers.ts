import { canonicalText, isPlain } from '../json/canonical-text.js';
import type { JsonValue } from '../json/json.js';
import type { UpdateWork } from './update-work.js';

/**
 * Numbers for JSON values, equal for deeply equal values: comparing two values is comparing their
 * numbers.
 */
export class ValueNumbers {
  readonly #plain = new Map<JsonValue, number>();
  readonly #composite = new Map<string, number>();
  readonly #work: UpdateWork;
  #count = 0;

  constructor(work: UpdateWork) {
    this.#work = work;
  }

  of(value: JsonValue): number {
    if (isPlain(value)) {
      this.#work.compared(typeof value === 'string' ? value.length + 1 : 1);
      return this.#in(this.#plain, value);
    }
    const text = canonicalText(value);
    this.#work.compared(text.length);
    return this.#in(this.#composite, text);
  }

  #in<Key>(numbers: Map<Key, number>, key: Key): number {
    const known = numbers.get(key);
    if (known !== undefined) return known;
    this.#count += 1;
    numbers.set(key, this.#count);
    return this.#count;
  }
}
