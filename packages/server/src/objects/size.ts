import type { JsonValue } from '@really/protocol';
import type { Write } from '../store/store.js';
import type { PreparedWrite } from './write-request.js';

/**
 * About how many bytes a value takes in memory: good enough to bound caches and batches by, without
 * the cost of writing it out as JSON.
 */
export function sizeOf(value: JsonValue | undefined): number {
  if (typeof value === 'string') return 16 + value.length;
  if (typeof value !== 'object' || value === null) return 8;
  let size = 32;
  if (Array.isArray(value)) {
    for (const element of value) size += sizeOf(element);
  } else {
    for (const name in value) size += 16 + name.length + sizeOf(value[name]);
  }
  return size;
}

/** About what a write takes until it is committed. */
export function sizeOfWrite({ object, change }: Write): number {
  const size = sizeOf(object.data);
  return 400 + size + (change.created === object.data ? size : sizeOf(change.created));
}

/** As `sizeOfWrite`, with what is written along with it. */
export function sizeOfAll(write: PreparedWrite): number {
  return (write.also ?? []).reduce((sum, one) => sum + sizeOfWrite(one), sizeOfWrite(write));
}
