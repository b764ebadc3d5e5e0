import type { JsonValue } from '@really/protocol';
import { estimateBytes } from '../../objects/estimate-bytes.js';

/**
 * The part of a page that fits into a response: a run of its items that begins where paging comes
 * from.
 */
export interface FittedPage {
  readonly size: number;
  /** The same run of a list parallel to the items. */
  of<T>(list: readonly T[]): T[];
}

/**
 * As many items as fit into the bytes, approximately, and at least one. When paging back, the last
 * items are the nearest. Rule LIM4.
 */
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
