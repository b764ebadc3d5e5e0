import type { JsonValue } from '@really/protocol';
import { estimateBytes } from '../../objects/estimate-bytes.js';

/**
 * Where a page begins and ends that has as many items as fit into the bytes, approximately, and at
 * least one. When paging back, the last items are the nearest. Rule LIM4.
 */
export function fittingRange(
  items: readonly JsonValue[],
  { back, bytes }: { readonly back: boolean; readonly bytes: number },
): [start: number, end: number] {
  let size = 0;
  let sum = 0;
  for (const item of back ? items.toReversed() : items) {
    sum += estimateBytes(item);
    if (sum > bytes && size > 0) break;
    size++;
  }
  return back ? [items.length - size, items.length] : [0, size];
}
