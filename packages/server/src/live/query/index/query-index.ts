import type { JsonObject, RqlExpression } from '@really/protocol';
import { FieldTree } from './field-tree.js';
import { type FilterTerm, filterTermsOf } from './filter-terms.js';

/** Fields that are looked at in one step. */
export const fieldsAtOnce = 64;

/**
 * Finds the filters that an object may match, without evaluating the others. Each is indexed by its
 * terms, of which at least one holds for every match. Filters without terms are candidates for
 * every object.
 */
export class QueryIndex<T> {
  readonly #fields = new FieldTree<T>();
  readonly #unindexed = new Set<T>();

  add(entry: T, filters: readonly (RqlExpression | undefined)[]): void {
    const terms = filterTermsOf(filters);
    if (!terms) this.#unindexed.add(entry);
    for (const term of terms ?? []) this.#fields.termsOf(pathOf(term)).add(entry, term);
  }

  /** `filters`: those that it was added with. */
  delete(entry: T, filters: readonly (RqlExpression | undefined)[]): void {
    const terms = filterTermsOf(filters);
    if (!terms) this.#unindexed.delete(entry);
    for (const term of terms ?? [])
      this.#fields.delete(pathOf(term), (ofField) => ofField.delete(entry, term));
  }

  get isEmpty(): boolean {
    return this.#fields.isEmpty && this.#unindexed.size === 0;
  }

  /**
   * The entries whose filters the data may match, and these others. Those without terms may be very
   * many: they are not copied, and must not be relied on before they are reached. `undefined`: it
   * looked at `fieldsAtOnce` fields, of which there may be very many, too.
   */
  candidates(data: JsonObject, others: Iterable<T> = []): Iterable<T | undefined> {
    const found = new Set(others);
    if (this.#fields.isLeaf) {
      this.#fields.findHere(data, found);
      if (this.#unindexed.size === 0) return found;
    }
    return this.#inSteps(data, found);
  }

  *#inSteps(data: JsonObject, found: Set<T>): Iterable<T | undefined> {
    if (!this.#fields.isLeaf) {
      let visited = 0;
      for (const more of this.#fields.find(data, found)) {
        visited += more;
        if (visited < fieldsAtOnce) continue;
        visited = 0;
        yield undefined;
      }
    }
    yield* found;
    for (const entry of this.#unindexed) if (!found.has(entry)) yield entry;
  }
}

function pathOf({ field }: FilterTerm): string[] {
  return field.split('.');
}
