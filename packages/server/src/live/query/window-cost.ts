import type { JsonValue, RqlExpression, SortPosition } from '@really/protocol';
import type { Model } from '../../model/model.js';
import { pushLookups } from '../../model/view/view.js';
import { charactersAtOnce, comparisonsOf } from '../../queries/filter-scans.js';
import { filterTermsOf } from './index/filter-terms.js';

/** The cost of a live query, computed from its filter before it is created (rule LIM17). */
export interface WindowCost {
  /**
   * Comparisons per change; four times as many if the filter cannot be indexed, and 64 more if
   * changes of other objects make it read its rows again.
   */
  readonly work: number;
  /** Estimated memory of its filter, and of the place that it begins after, in bytes. */
  readonly bytes: number;
}

/** Factor for a window that the index cannot find: every change in its collection evaluates it. */
const unindexed = 4;
/** Reading the rows of a window again, in comparisons. */
const rereadWork = 64;
/** Memory of a window without its filter: group, index entry, subscription. */
const windowBytes = 2048;
/** Memory of a comparison: in the tree, and as a function. */
const comparisonBytes = 512;
/** Memory of a list element: in the list, in its set, and in the index. */
const elementBytes = 256;

/** `from`: the place that the window begins after; `isReread`: see there. */
export function windowCost(
  filter: RqlExpression | undefined,
  { from, isReread = false }: { from?: SortPosition | undefined; isReread?: boolean } = {},
): WindowCost {
  let work = 1;
  let bytes = windowBytes;
  for (const value of from?.values ?? []) bytes += memoryOf(valueSize(value ?? null));
  for (const { operator, value } of comparisonsOf(filter)) {
    const size = valueSize(value);
    // A list becomes a set: one lookup.
    work +=
      operator === 'in' ? 1 : 1 + size.elements + Math.floor(size.characters / charactersAtOnce);
    bytes += comparisonBytes + memoryOf(size);
  }
  const isFound = filterTermsOf([filter]) !== undefined;
  return { work: work * (isFound ? 1 : unindexed) + (isReread ? rereadWork : 0), bytes };
}

/**
 * Whether the rights of a window depend on other objects in a way that is not known without its rows
 * (rule LKP5): then a change of any object that they might look at makes it read them again.
 */
export function isReread(model: Model, r: string): boolean {
  const uses = pushLookups(model);
  if (r.includes('/*/')) return uses.length > 0;
  return uses.some(({ lookup }) => lookup.needs.length > 0 || lookup.reach !== 'collection');
}

interface Size {
  /** Nested list elements and object members. */
  readonly elements: number;
  readonly characters: number;
}

function memoryOf({ elements, characters }: Size): number {
  return elements * elementBytes + characters * 2;
}

function valueSize(value: JsonValue): Size {
  let elements = 0;
  let characters = 0;
  const waiting: JsonValue[] = [value];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (typeof next === 'string') characters += next.length;
    else if (typeof next === 'object' && next !== null) {
      const inner = Object.values(next);
      elements += inner.length;
      for (const element of inner) waiting.push(element);
    }
  }
  return { elements, characters };
}
