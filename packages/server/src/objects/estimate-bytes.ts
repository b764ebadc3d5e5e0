import type { JsonObject, JsonValue } from '@really/protocol';
import type { LoggedChange } from '../store/store-reads.js';
import type { Write, WriteGroup } from '../store/write-group.js';
import type { PreparedWrite } from './write-request.js';

/**
 * What a reference costs that a write adds, as bytes of a message that cost as much: it is looked
 * for before the write and at its commit, and entered in the store's index of references.
 */
export const newReferenceBytes = 512;

/**
 * One that is in a written field already: it is compared with what the field has now, before the
 * write and at its commit.
 */
export const keptReferenceBytes = 128;

/** Bytes from which the estimate of an object is remembered. */
const large = 16 * 1024;

/** Objects never change once they are stored; each is estimated by those who check, queue and cache it. */
const largeSizes = new WeakMap<object, number>();

/**
 * Approximate bytes of a value in memory: good enough to bound caches and batches, without the cost
 * of serializing it. The value must not change afterwards.
 */
export function estimateBytes(value: JsonValue | undefined): number {
  const known = typeof value === 'object' && value !== null ? largeSizes.get(value) : undefined;
  if (known !== undefined) return known;
  const size = sizeOf(value);
  if (size >= large && typeof value === 'object' && value !== null) largeSizes.set(value, size);
  return size;
}

function sizeOf(value: JsonValue | undefined): number {
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

/** Approximate bytes that a write takes until it is committed. */
export function estimateWriteBytes({ object, change }: Write): number {
  const size = estimateBytes(object.data);
  return 400 + size + (change.created === object.data ? size : estimateBytes(change.created));
}

/** Of all writes of a group, with what else makes a commit long, which others wait for. */
export function estimateGroupBytes({ writes }: WriteGroup): number {
  let bytes = 0;
  for (const write of writes) {
    const { requires, keptReferences = 0 } = write;
    bytes += estimateWriteBytes(write) + newReferenceBytes * requires.length;
    bytes += keptReferenceBytes * keptReferences;
  }
  return bytes;
}

/** Approximate bytes of a change that was read from a history or the log, with its object. */
export function estimateChangeBytes({ change, object }: Omit<LoggedChange, 'pos'>): number {
  const { delta, created } = change;
  const size = estimateBytes(delta as unknown as JsonObject) + estimateBytes(created);
  return 200 + size + estimateBytes(object?.data);
}

/** As `estimateWriteBytes`, with the side writes. */
export function estimateAllBytes(write: PreparedWrite): number {
  return (write.sideWrites ?? []).reduce(
    (sum, sideWrite) => sum + estimateWriteBytes(sideWrite),
    estimateWriteBytes(write),
  );
}
