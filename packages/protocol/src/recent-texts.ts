import { canonicalText } from './json/canonical-text.js';
import type { JsonValue } from './json/json.js';

/** Values whose texts are remembered. */
const most = 4;

/**
 * Canonical texts of the latest values: many parts of a filter use the same one. A value must not
 * change meanwhile.
 */
export class RecentTexts {
  /** Most recent last. */
  readonly #known: { readonly value: JsonValue; readonly text: string }[] = [];

  of(value: JsonValue): string {
    const known = this.#known.find((entry) => entry.value === value);
    if (known) return known.text;
    const text = canonicalText(value);
    this.#known.push({ value, text });
    if (this.#known.length > most) this.#known.shift();
    return text;
  }
}
