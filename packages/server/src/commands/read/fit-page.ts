import type { JsonValue } from '@really/protocol';
import { estimateBytes } from '../../objects/estimate-bytes.js';

/** What of a page fits into an answer: a run of its items at the end from which the walk comes. */
export interface FittedPage {
  readonly size: number;
  /** The same run of a list that goes with the items. */
  of<T>(list: readonly T[]): T[];
}

/** As many items as have about so many bytes, and one at least; walking back, the last ones are the nearest. Rule LIM4. */
export function fitPage(
  items: readonly JsonValue[],
  { back, bytes }: { readonly back: boolean; readonly bytes: number },
): FittedPage {
  const nearest = back ? items.toReversed() : items;
  let size = 0;
  let sum = 0;
  for (const item of nearest) {
    sum += estimateBytes(item);
    if (sum > bytes && size > 0) break;
    size++;
  }
  return {
    size,
    of: (list) => (back ? list.slice(list.length - size) : list.slice(0, size)),
  };
}
