import {
  type Comparison,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type RqlExpression,
} from '@really/protocol';
import { estimateBytes } from '../objects/estimate-bytes.js';

/** Characters compared in the time of one comparison. */
export const charactersAtOnce = 64;
/** What a filter may scan of an object on this thread, in bytes: it takes some milliseconds. */
const mostScanned = 4 * 1024 * 1024;
/** That many scans of one object do not take longer, since it has about a megabyte at most. */
const fewScans = 4;
/** Folding the case of a text, or writing a value as a text, takes as long as so many scans. */
const scansOfText = 4;
/** Any number of lookups in a list takes as long as so many scans: `ListElements` makes it a set. */
const scansOfList = 8;
/** Lists that `ListElements` remembers. */
const mostLists = 4;

/** The comparisons of a filter, in any order. */
export function* comparisonsOf(filter: RqlExpression | undefined): Iterable<Comparison<JsonValue>> {
  const waiting = filter ? [filter] : [];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    if (next.kind === 'not') waiting.push(next.operand);
    else if (next.kind === 'comparison') yield next;
    else waiting.push(next.left, next.right);
  }
}

interface FieldScans {
  /** Elements that are looked up, or texts, where the field is a list or a text. */
  lookups: number;
  others: number;
}

/**
 * The comparisons of a filter that scan the object: they take longer the larger it is, while the
 * others depend on their operand alone, which is what the query is charged for.
 */
export class FilterScans {
  readonly #byField = new Map<string, FieldScans>();
  readonly #count: number = 0;

  constructor(filter: RqlExpression | undefined) {
    for (const comparison of comparisonsOf(filter)) {
      const scans = scansOf(comparison);
      if (scans === 0) continue;
      const [name = ''] = comparison.field;
      const field = this.#byField.get(name) ?? { lookups: 0, others: 0 };
      field[comparison.operator === 'contains' ? 'lookups' : 'others'] += scans;
      this.#byField.set(name, field);
      this.#count += scans;
    }
  }

  /** Whether the size of objects does not matter. */
  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Comparisons in whose time an object of this size is scanned, at most. */
  workFor(bytes: number): number {
    return this.#count * Math.floor(bytes / charactersAtOnce);
  }

  /** Whether evaluating the filter in one piece would hold up this thread. */
  areLong(data: JsonObject): boolean {
    if (this.#count <= fewScans) return false;
    const areListsRemembered = this.#byField.size <= mostLists;
    let scanned = 0;
    for (const [name, { lookups, others }] of this.#byField) {
      const value = data[name];
      const isRemembered = areListsRemembered && Array.isArray(value);
      const scans = isRemembered ? Math.min(lookups, scansOfList) : lookups;
      scanned += (scans + others) * estimateBytes(value);
    }
    return scanned > mostScanned;
  }
}

function scansOf({ operator, value: operand }: Comparison<JsonValue>): number {
  switch (operator) {
    case 'contains':
      return 1;
    case 'contains ignoring case':
      return scansOfText;
    case '=':
    case '!=':
      return isComposite(operand) ? 1 : 0;
    case 'in':
      return Array.isArray(operand) && operand.some(isComposite) ? scansOfText : 0;
    default:
      return 0;
  }
}

function isComposite(value: JsonValue): boolean {
  return Array.isArray(value) || isJsonObject(value);
}
