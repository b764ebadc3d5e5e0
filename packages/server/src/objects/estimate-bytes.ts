import type { JsonObject, JsonValue } from '@really/protocol';
import type { LoggedChange } from '../store/store-reads.js';
import type { Write } from '../store/write-group.js';
import { keptReferenceBytes, newReferenceBytes } from './reference-bytes.js';
import type { PreparedWrite } from './write-request.js';

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

/** As `estimateWriteBytes`, with what else makes a commit long, which others wait for. */
export function estimateCommitBytes(write: Write): number {
  const { requires, keptReferences = 0 } = write;
  const references = newReferenceBytes * requires.length + keptReferenceBytes * keptReferences;
  return estimateWriteBytes(write) + references;
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
