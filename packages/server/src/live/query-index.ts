import { type JsonObject, type JsonValue, ownMember, type RqlExpression } from '@really/protocol';

/** What a filter says of one field in any case: its value is one of these, or lies between two. */
export type Term =
  | { readonly kind: 'values'; readonly field: string; readonly values: readonly Scalar[] }
  | { readonly kind: 'range'; readonly field: string; readonly low: Bound; readonly high: Bound };

type Scalar = string | number | boolean;
/** `undefined`: open. Ends count as in. */
type Bound = number | undefined;

/**
 * Finds the filters that an object may match, without looking at the others. Each is entered under the one
 * term of its that says most: equality before a range; what has neither is looked at every time.
 */
export class QueryIndex<T> {
  readonly #values = new Map<string, Map<Scalar, Set<T>>>();
  readonly #ranges = new Map<string, Ranges<T>>();
  readonly #rest = new Set<T>();

  add(entry: T, filters: readonly (RqlExpression | undefined)[]): void {
    const term = bestTerm(filters);
    if (!term) this.#rest.add(entry);
    else if (term.kind === 'range') this.#rangesOf(term.field).add(entry, term);
    else for (const value of term.values) this.#setOf(term.field, value).add(entry);
  }

  /** With the filters that it was added with. */
  delete(entry: T, filters: readonly (RqlExpression | undefined)[]): void {
    const term = bestTerm(filters);
    if (!term) this.#rest.delete(entry);
    else if (term.kind === 'range') this.#deleteRange(entry, term);
    else for (const value of term.values) this.#deleteValue(entry, term.field, value);
  }

  /** Everything that the data may match, once each. */
  candidates(data: JsonObject): Set<T> {
    const found = new Set(this.#rest);
    for (const [field, byValue] of this.#values) {
      const value = valueAt(data, field);
      if (!isScalar(value)) continue;
      for (const entry of byValue.get(value) ?? []) found.add(entry);
    }
    for (const [field, ranges] of this.#ranges) {
      const value = valueAt(data, field);
      if (typeof value === 'number') ranges.find(value, found);
    }
    return found;
  }

  #setOf(field: string, value: Scalar): Set<T> {
    let byValue = this.#values.get(field);
    if (!byValue) {
      byValue = new Map();
      this.#values.set(field, byValue);
    }
    let entries = byValue.get(value);
    if (!entries) {
      entries = new Set();
      byValue.set(value, entries);
    }
    return entries;
  }

  #deleteValue(entry: T, field: string, value: Scalar): void {
    const byValue = this.#values.get(field);
    const entries = byValue?.get(value);
    entries?.delete(entry);
    if (entries?.size === 0) byValue?.delete(value);
    if (byValue?.size === 0) this.#values.delete(field);
  }

  #rangesOf(field: string): Ranges<T> {
    let ranges = this.#ranges.get(field);
    if (!ranges) {
      ranges = new Ranges();
      this.#ranges.set(field, ranges);
    }
    return ranges;
  }

  #deleteRange(entry: T, term: Term & { kind: 'range' }): void {
    const ranges = this.#ranges.get(term.field);
    ranges?.delete(entry, term);
    if (ranges?.isEmpty) this.#ranges.delete(term.field);
  }
}

interface Span<T> {
  readonly low: Bound;
  readonly high: Bound;
  readonly entries: Set<T>;
}

/**
 * Ranges of one field. Equal ranges are one span, and spans lie in the order of their lower ends: those
 * that begin behind a value are not looked at.
 */
class Ranges<T> {
  readonly #spans: Span<T>[] = [];

  get isEmpty(): boolean {
    return this.#spans.length === 0;
  }

  add(entry: T, { low, high }: { low: Bound; high: Bound }): void {
    const spans = this.#spans;
    const index = placeOf(spans, low, high);
    const span = spans[index];
    if (span && span.low === low && span.high === high) span.entries.add(entry);
    else spans.splice(index, 0, { low, high, entries: new Set([entry]) });
  }

  delete(entry: T, { low, high }: { low: Bound; high: Bound }): void {
    const spans = this.#spans;
    const index = placeOf(spans, low, high);
    const span = spans[index];
    if (!span || span.low !== low || span.high !== high) return;
    span.entries.delete(entry);
    if (span.entries.size === 0) spans.splice(index, 1);
  }

  find(value: number, found: Set<T>): void {
    for (const { low, high, entries } of this.#spans) {
      if (low !== undefined && low > value) break;
      if (high === undefined || high >= value) for (const entry of entries) found.add(entry);
    }
  }
}

/** Where a span stands, or would: by its lower end, open ones first, then by its upper end. */
function placeOf<T>(spans: readonly Span<T>[], low: Bound, high: Bound): number {
  let from = 0;
  let to = spans.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    const span = spans[middle];
    const order = span ? compareEnds(span.low, low, -1) || compareEnds(span.high, high, 1) : 0;
    if (order < 0) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** `open`: where an end that is open stands among the others. */
function compareEnds(a: Bound, b: Bound, open: 1 | -1): number {
  if (a === b) return 0;
  if (a === undefined) return open;
  if (b === undefined) return -open;
  return a < b ? -1 : 1;
}

/** The term that most likely leaves out most. */
function bestTerm(filters: readonly (RqlExpression | undefined)[]): Term | undefined {
  const terms = filters.flatMap((filter) => (filter ? termsOf(filter) : []));
  const values = terms.filter((term) => term.kind === 'values');
  const fewest = values.toSorted((a, b) => a.values.length - b.values.length)[0];
  return fewest ?? terms[0];
}

/** What holds for everything that the filter matches. */
function termsOf(filter: RqlExpression): Term[] {
  if (filter.kind === 'and') return [...termsOf(filter.left), ...termsOf(filter.right)];
  if (filter.kind !== 'comparison') return [];
  const field = filter.field.join('.');
  if (field === '_r' || field === '_rev') return [];
  const { operator, value } = filter;
  switch (operator) {
    case '=':
      return isScalar(value) ? [{ kind: 'values', field, values: [value] }] : [];
    case 'in':
      return Array.isArray(value) && value.every(isScalar) && value.length > 0
        ? [{ kind: 'values', field, values: [...new Set(value)] }]
        : [];
    case '<':
    case '<=':
      return isEnd(value) ? [{ kind: 'range', field, low: undefined, high: value }] : [];
    case '>':
    case '>=':
      return isEnd(value) ? [{ kind: 'range', field, low: value, high: undefined }] : [];
    case 'between':
      return betweenTerm(field, value);
    default:
      return [];
  }
}

function betweenTerm(field: string, value: JsonValue): Term[] {
  if (!Array.isArray(value)) return [];
  const [low, high] = value;
  if (!isEnd(low) || !isEnd(high)) return [];
  return [{ kind: 'range', field, low, high }];
}

function isScalar(value: JsonValue | undefined): value is Scalar {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

/** Texts have an order of their own (code points), which the order of JavaScript is not. */
function isEnd(value: JsonValue | undefined): value is number {
  return typeof value === 'number';
}

function valueAt(data: JsonObject, field: string): JsonValue | undefined {
  if (!field.includes('.')) return ownMember(data, field);
  let value: JsonValue | undefined = data;
  for (const step of field.split('.')) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    value = ownMember(value, step);
  }
  return value;
}
