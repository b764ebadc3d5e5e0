import { compareText, type JsonValue, type RqlExpression } from '@really/protocol';

export type Scalar = string | number | boolean;

/** A condition that a filter implies: the value is one of these, or between two (inclusive). */
export type FilterTerm =
  | { readonly kind: 'values'; readonly field: string; readonly values: readonly Scalar[] }
  | TermRange<'numbers', number>
  | TermRange<'texts', string>;

interface TermRange<Kind, Value> {
  readonly kind: Kind;
  readonly field: string;
  readonly low: Value | undefined;
  readonly high: Value | undefined;
}

/** What matches all filters satisfies at least one of these terms; `undefined`: no such terms. */
export function filterTermsOf(
  filters: readonly (RqlExpression | undefined)[],
): readonly FilterTerm[] | undefined {
  return filters
    .map((filter) => filter && cover(filter))
    .reduce<readonly FilterTerm[] | undefined>(narrower, undefined);
}

function cover(filter: RqlExpression): readonly FilterTerm[] | undefined {
  switch (filter.kind) {
    case 'and':
      return narrower(cover(filter.left), cover(filter.right));
    case 'or':
      return either(cover(filter.left), cover(filter.right));
    case 'not':
      return undefined;
    case 'comparison':
      return ofComparison(filter);
    default:
      return filter satisfies never;
  }
}

/** Beyond this many terms an index entry costs more than it saves. */
const maxTerms = 100;
/** As `maxTerms`; each value of each entry takes memory. */
const maxValues = 1000;

function either(
  a: readonly FilterTerm[] | undefined,
  b: readonly FilterTerm[] | undefined,
): readonly FilterTerm[] | undefined {
  return a && b && a.length + b.length <= maxTerms ? [...a, ...b] : undefined;
}

function narrower(
  a: readonly FilterTerm[] | undefined,
  b: readonly FilterTerm[] | undefined,
): readonly FilterTerm[] | undefined {
  if (!a || !b) return a ?? b;
  return intersection(a, b) ?? (width(a) <= width(b) ? a : b);
}

/** The intersection of two ranges of one field. */
function intersection(
  [a, ...others]: readonly FilterTerm[],
  [b, ...more]: readonly FilterTerm[],
): readonly FilterTerm[] | undefined {
  if (!a || !b || others.length > 0 || more.length > 0 || a.field !== b.field) return undefined;
  if (a.kind === 'numbers' && b.kind === 'numbers') return [within(a, b, compareNumbers)];
  if (a.kind === 'texts' && b.kind === 'texts') return [within(a, b, compareText)];
  return undefined;
}

/** Not a difference: `Infinity - Infinity` is NaN, and such an entry would never be found again. */
export function compareNumbers(a: number, b: number): number {
  return a < b ? -1 : Number(a > b);
}

function within<Kind, Value>(
  a: TermRange<Kind, Value>,
  b: TermRange<Kind, Value>,
  compare: (x: Value, y: Value) => number,
): TermRange<Kind, Value> {
  const beginsLater = b.low !== undefined && (a.low === undefined || compare(a.low, b.low) < 0);
  const endsEarlier = b.high !== undefined && (a.high === undefined || compare(a.high, b.high) > 0);
  return { ...a, low: beginsLater ? b.low : a.low, high: endsEarlier ? b.high : a.high };
}

/** A guess at how much they let through: values before ranges, closed ranges before open ones. */
function width(terms: readonly FilterTerm[]): number {
  return terms.reduce((sum, term) => sum + widthOf(term), 0);
}

function widthOf(term: FilterTerm): number {
  if (term.kind === 'values') return term.values.length;
  const ends = [term.low, term.high].filter((end) => end !== undefined);
  return ends.length === 2 ? 1000 : 1_000_000;
}

function ofComparison({
  field: path,
  operator,
  value,
}: RqlExpression & { kind: 'comparison' }): readonly FilterTerm[] | undefined {
  const field = path.join('.');
  if (field === '_r' || field === '_rev') return undefined;
  switch (operator) {
    case '=':
      return isScalar(value) ? [{ kind: 'values', field, values: [value] }] : undefined;
    case 'in':
      return Array.isArray(value) && value.length <= maxValues && value.every(isScalar)
        ? [{ kind: 'values', field, values: [...new Set(value)] }]
        : undefined;
    case '<':
    case '<=':
      return range(field, undefined, value);
    case '>':
    case '>=':
      return range(field, value, undefined);
    case 'between':
      return Array.isArray(value) ? range(field, value[0], value[1]) : undefined;
    case 'starts with':
      return typeof value === 'string' ? range(field, value, afterPrefix(value)) : undefined;
    default:
      return undefined;
  }
}

/** `undefined` for values without an order: a filter that matches nothing is not worth a term. */
function range(
  field: string,
  low: JsonValue | undefined,
  high: JsonValue | undefined,
): readonly FilterTerm[] | undefined {
  if (isOpenOr('number', low) && isOpenOr('number', high)) {
    return [{ kind: 'numbers', field, low, high }];
  }
  if (isOpenOr('string', low) && isOpenOr('string', high)) {
    return [{ kind: 'texts', field, low, high }];
  }
  return undefined;
}

function isOpenOr(type: 'number', value: JsonValue | undefined): value is number | undefined;
function isOpenOr(type: 'string', value: JsonValue | undefined): value is string | undefined;
function isOpenOr(type: string, value: JsonValue | undefined): boolean {
  return value === undefined || typeof value === type;
}

/** The least text after all that start with this one; `undefined` if not easily computed. */
function afterPrefix(start: string): string | undefined {
  const last = start.codePointAt(start.length - (isPairAtEnd(start) ? 2 : 1));
  // A lone surrogate may be completed to a character that sorts elsewhere.
  if (last === undefined || isSurrogate(last) || isSurrogate(last + 1) || last === 0x10ffff)
    return undefined;
  return start.slice(0, last > 0xffff ? -2 : -1) + String.fromCodePoint(last + 1);
}

function isPairAtEnd(text: string): boolean {
  return /[\ud800-\udbff][\udc00-\udfff]$/.test(text);
}

function isSurrogate(codePoint: number): boolean {
  return codePoint >= 0xd800 && codePoint <= 0xdfff;
}

export function isScalar(value: JsonValue | undefined): value is Scalar {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}
