import { compareText } from '@really/protocol';
import { SetMap } from '../../../platform/set-map.js';
import { compareNumbers, type FilterTerm, type Scalar } from './filter-terms.js';
import { IntervalTree } from './interval-tree.js';

/** The terms of one field. */
export class FieldTerms<T> {
  readonly path: readonly string[];
  readonly #values = new SetMap<Scalar, T>();
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
    else for (const value of term.values) this.#values.add(value, entry);
  }

  delete(entry: T, term: FilterTerm): void {
    if (term.kind === 'numbers') this.#numbers.delete(entry, term);
    else if (term.kind === 'texts') this.#texts.delete(entry, term);
    else for (const value of term.values) this.#values.delete(value, entry);
  }

  find(value: Scalar, found: Set<T>): void {
    for (const entry of this.#values.get(value)) found.add(entry);
    if (typeof value === 'number') this.#numbers.find(value, found);
    else if (typeof value === 'string') this.#texts.find(value, found);
  }
}
