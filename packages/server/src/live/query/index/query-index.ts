import {
  compareText,
  type JsonObject,
  type JsonValue,
  ownMember,
  type RqlExpression,
} from '@really/protocol';
import {
  compareNumbers,
  type FilterTerm,
  filterTermsOf,
  isScalar,
  type Scalar,
} from './filter-terms.js';
import { IntervalTree } from './interval-tree.js';

/**
 * Finds the filters that an object may match, without evaluating the others. Each is indexed by its
 * terms, of which at least one holds for every match. Filters without terms are candidates for
 * every object.
 */
export class QueryIndex<T> {
  readonly #fields = new Map<string, FieldIndex<T>>();
  readonly #unindexed = new Set<T>();

  add(entry: T, filters: readonly (RqlExpression | undefined)[]): void {
    const terms = filterTermsOf(filters);
    if (!terms) this.#unindexed.add(entry);
    for (const term of terms ?? []) this.#fieldOf(term.field).add(entry, term);
  }

  /** `filters`: those that it was added with. */
  delete(entry: T, filters: readonly (RqlExpression | undefined)[]): void {
    const terms = filterTermsOf(filters);
    if (!terms) this.#unindexed.delete(entry);
    for (const term of terms ?? []) {
      const index = this.#fields.get(term.field);
      index?.delete(entry, term);
      if (index?.isEmpty) this.#fields.delete(term.field);
    }
  }

  get isEmpty(): boolean {
    return this.#fields.size === 0 && this.#unindexed.size === 0;
  }

  /**
   * The entries whose filters the data may match, and these others. Those without terms may be very
   * many: they are not copied, and must not be relied on before they are reached.
   */
  candidates(data: JsonObject, others: Iterable<T> = []): Iterable<T> {
    const found = new Set(others);
    for (const index of this.#fields.values()) {
      const value = valueAt(data, index.path);
      if (isScalar(value)) index.find(value, found);
    }
    const unindexed = this.#unindexed;
    return {
      *[Symbol.iterator]() {
        yield* found;
        for (const entry of unindexed) if (!found.has(entry)) yield entry;
      },
    };
  }

  #fieldOf(field: string): FieldIndex<T> {
    let index = this.#fields.get(field);
    if (!index) {
      index = new FieldIndex(field.split('.'));
      this.#fields.set(field, index);
    }
    return index;
  }
}

/** The terms of one field. */
class FieldIndex<T> {
  readonly path: readonly string[];
  readonly #values = new Map<Scalar, Set<T>>();
  readonly #numbers = new IntervalTree<T, number>(compareNumbers);
  readonly #texts = new IntervalTree<T, string>(compareText);

  constructor(path: readonly string[]) {
    this.path = path;
  }

  get isEmpty(): boolean {
    return this.#values.size === 0 && this.#numbers.isEmpty && this.#texts.isEmpty;
  }

  add(entry: T, term: FilterTerm): void {
    if (term.kind === 'numbers') this.#numbers.add(entry, term);
    else if (term.kind === 'texts') this.#texts.add(entry, term);
    else for (const value of term.values) this.#addValue(entry, value);
  }

  delete(entry: T, term: FilterTerm): void {
    if (term.kind === 'numbers') this.#numbers.delete(entry, term);
    else if (term.kind === 'texts') this.#texts.delete(entry, term);
    else for (const value of term.values) this.#deleteValue(entry, value);
  }

  find(value: Scalar, found: Set<T>): void {
    for (const entry of this.#values.get(value) ?? []) found.add(entry);
    if (typeof value === 'number') this.#numbers.find(value, found);
    else if (typeof value === 'string') this.#texts.find(value, found);
  }

  #addValue(entry: T, value: Scalar): void {
    const entries = this.#values.get(value);
    if (entries) entries.add(entry);
    else this.#values.set(value, new Set([entry]));
  }

  #deleteValue(entry: T, value: Scalar): void {
    const entries = this.#values.get(value);
    entries?.delete(entry);
    if (entries?.size === 0) this.#values.delete(value);
  }
}

function valueAt(data: JsonObject, path: readonly string[]): JsonValue | undefined {
  let value: JsonValue | undefined = data;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    value = ownMember(value, step);
  }
  return value;
}
