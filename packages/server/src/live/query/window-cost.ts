import type { JsonValue, RqlExpression } from '@really/protocol';
import { filterTermsOf } from './index/filter-terms.js';

/** What a live query costs, known before there is one (rule LIM17). */
export interface WindowCost {
  /** Comparisons for each change that it is asked about; four times as many where the index cannot tell which these are. */
  readonly work: number;
  /** Of memory, about, for its filter. */
  readonly bytes: number;
}

/** A window that is asked about every change in its collection costs so many times as much as one that is found by its filter. */
const unindexed = 4;
/** Of a window as such: its group, its place in the index, its subscription. */
const windowBytes = 2048;
/** A comparison: in the tree, and as a function. */
const comparisonBytes = 512;
/** An element of a list: in the list, in the set that is made of it, and in the index. */
const elementBytes = 256;
/** So many characters are compared in the time of one comparison. */
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
      // A list is made into a set: it is looked into at one go.
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
  /** Elements of lists and members of objects, all the way down. */
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
