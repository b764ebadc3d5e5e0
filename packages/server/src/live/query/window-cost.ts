import type { JsonValue, RqlExpression } from '@really/protocol';
import { filterTermsOf } from './index/filter-terms.js';

/** The cost of a live query, computed from its filter before it is created (rule LIM17). */
export interface WindowCost {
  /** Comparisons per change; four times as many if the filter cannot be indexed. */
  readonly work: number;
  /** Estimated memory of its filter, in bytes. */
  readonly bytes: number;
}

/**
 * Factor for a window that the index cannot find, so that it is evaluated for every change in its
 * collection.
 */
const unindexed = 4;
/** Memory of a window without its filter: group, index entry, subscription. */
const windowBytes = 2048;
/** Memory of a comparison: in the tree, and as a function. */
const comparisonBytes = 512;
/** Memory of a list element: in the list, in its set, and in the index. */
const elementBytes = 256;
/** Characters compared in the time of one comparison. */
const charactersAtOnce = 64;

export function windowCost(filter: RqlExpression | undefined): WindowCost {
  let work = 1;
  let bytes = windowBytes;
  const waiting = filter ? [filter] : [];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    if (next.kind === 'not') waiting.push(next.operand);
    else if (next.kind !== 'comparison') waiting.push(next.left, next.right);
    else {
      const size = valueSize(next.value);
      // A list becomes a set: one lookup.
      work +=
        next.operator === 'in'
          ? 1
          : 1 + size.elements + Math.floor(size.characters / charactersAtOnce);
      bytes += comparisonBytes + size.elements * elementBytes + size.characters * 2;
    }
  }
  const isFound = filterTermsOf([filter]) !== undefined;
  return { work: work * (isFound ? 1 : unindexed), bytes };
}

interface Size {
  /** Nested list elements and object members. */
  readonly elements: number;
  readonly characters: number;
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
