import type { FieldErrors, JsonObject, JsonValue } from '@really/protocol';
import { estimateBytes } from '../../objects/estimate-bytes.js';
import { jsonText } from '../../platform/json-texts.js';

/** JSON takes at most this multiple of `estimateBytes`: a control character takes six bytes. */
const densest = 6;

export interface SizeCheck {
  /** Maximum bytes of an object's JSON. */
  readonly limit: number;
  /** The stored object: one that is too large already (the limit was lowered) may shrink. */
  readonly before?: JsonObject | undefined;
  /** Top-level fields that are being written; the error names the largest. */
  readonly fields: readonly string[];
}

/** `object.too.large` under the largest field, where it exceeds the limit. Rule LIM10. */
export function sizeErrors(data: JsonObject, { limit, before, fields }: SizeCheck): FieldErrors {
  // Nearly every object is small enough to skip serializing it.
  if (estimateBytes(data) * densest <= limit) return {};
  const size = Buffer.byteLength(jsonText(data));
  if (size <= limit || (before && size <= bytesOf(before))) return {};
  const [largest = ''] = [...fields].sort((a, b) => bytesOf(data[b]) - bytesOf(data[a]));
  return Object.fromEntries([[largest, ['object.too.large']]]);
}

function bytesOf(value: JsonValue | undefined): number {
  return value === undefined ? 0 : Buffer.byteLength(JSON.stringify(value));
}
