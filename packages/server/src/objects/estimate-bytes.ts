import type { JsonValue } from '@really/protocol';
import type { Write } from '../store/store.js';
import type { PreparedWrite } from './write-request.js';

/**
 * Approximate bytes of a value in memory: good enough to bound caches and batches, without the cost
 * of serializing it.
 */
export function estimateBytes(value: JsonValue | undefined): number {
  if (typeof value === 'string') return 16 + value.length;
  if (typeof value !== 'object' || value === null) return 8;
  let size = 32;
  if (Array.isArray(value)) {
    for (const element of value) size += estimateBytes(element);
  } else {
    for (const name in value) size += 16 + name.length + estimateBytes(value[name]);
  }
  return size;
}

/** Approximate bytes that a write takes until it is committed. */
export function estimateWriteBytes({ object, change }: Write): number {
  const size = estimateBytes(object.data);
  return 400 + size + (change.created === object.data ? size : estimateBytes(change.created));
}

/** As `estimateWriteBytes`, with the side writes. */
export function estimateAllBytes(write: PreparedWrite): number {
  return (write.sideWrites ?? []).reduce(
    (sum, sideWrite) => sum + estimateWriteBytes(sideWrite),
    estimateWriteBytes(write),
  );
}
