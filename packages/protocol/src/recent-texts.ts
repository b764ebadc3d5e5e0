import { canonicalText } from './json/canonical-text.js';
import type { JsonValue } from './json/json.js';

/** Values whose texts are remembered. */
const most = 4;

/** Canonical texts of the values that were asked about last: many parts of a filter ask about the same one. It must not change meanwhile. */
export class RecentTexts {
  /** The last one last. */
  readonly #known: { readonly value: JsonValue; readonly text: string }[] = [];

  of(value: JsonValue): string {
    const known = this.#known.find((one) => one.value === value);
    if (known) return known.text;
    const text = canonicalText(value);
    this.#known.push({ value, text });
    if (this.#known.length > most) this.#known.shift();
    return text;
  }
}
