import type { FieldErrors, JsonObject, JsonValue } from '@really/protocol';
import { estimateBytes } from '../../objects/estimate-bytes.js';

/** No JSON takes more bytes than so many times what `sizeOf` says: a control character is six of them. */
const densest = 6;

export interface SizeCheck {
  /** Bytes of JSON that an object may have. */
  readonly limit: number;
  /** As stored so far: an object that is too large already (the limit was lowered) may become smaller. */
  readonly before?: JsonObject | undefined;
  /** Top-level fields that are being written; the largest is named. */
  readonly fields: readonly string[];
}

/** `object.too.large` under a field of an object that would be; nothing where it is within the limit. Rule LIM10. */
export function sizeErrors(data: JsonObject, { limit, before, fields }: SizeCheck): FieldErrors {
  // Nearly every object is so small that it need not be written out to know.
  if (estimateBytes(data) * densest <= limit) return {};
  const size = bytesOf(data);
  if (size <= limit || (before && size <= bytesOf(before))) return {};
  const [largest = ''] = [...fields].sort((a, b) => bytesOf(data[b]) - bytesOf(data[a]));
  return Object.fromEntries([[largest, ['object.too.large']]]);
}

function bytesOf(value: JsonValue | undefined): number {
  return value === undefined ? 0 : Buffer.byteLength(JSON.stringify(value));
}
