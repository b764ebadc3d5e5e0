import {
  compilePredicate,
  compileSteppedPredicate,
  type JsonObject,
  type Predicate,
  type RqlExpression,
  type SteppedPredicate,
} from '@really/protocol';
import { FilterScans } from './filter-scans.js';

/**
 * A filter that this thread evaluates: in one step, or in several where it scans much of a large
 * object. Compiled on first use, since usually only the store evaluates filters.
 */
export class SteppedFilter {
  readonly #filter: RqlExpression | undefined;
  #scans: FilterScans | undefined;
  #predicate: Predicate | undefined;
  #stepped: SteppedPredicate | undefined;

  constructor(filter: RqlExpression | undefined) {
    this.#filter = filter;
  }

  /** Whether it matches this data with `_r` and `_rev`. */
  *steps(body: JsonObject): Generator<undefined, boolean> {
    const filter = this.#filter;
    if (!filter) return true;
    this.#scans ??= new FilterScans(filter);
    if (this.#scans.areLong(body)) {
      this.#stepped ??= compileSteppedPredicate(filter);
      return yield* this.#stepped(body);
    }
    this.#predicate ??= compilePredicate(filter);
    return this.#predicate(body);
  }
}
