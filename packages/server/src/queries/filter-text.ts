import { createHash } from 'node:crypto';
import type { Filter, JsonValue, RqlExpression } from '@really/protocol';

/** Shorter JSON is not replaced by a digest. Characters. */
const shortJson = 256;

/** Cached by filter object. */
const texts = new WeakMap<RqlExpression, string>();

/**
 * A text that identifies a filter. Long values are replaced by digests, each computed once per
 * filter: written out, a filter could have megabytes.
 */
export function filterText(filter: RqlExpression | undefined): string {
  if (!filter) return 'null';
  const known = texts.get(filter);
  if (known !== undefined) return known;
  const text = JSON.stringify(withDigests(filter, new Map()));
  texts.set(filter, text);
  return text;
}

function withDigests(
  filter: RqlExpression,
  digests: Map<JsonValue, string | undefined>,
): Filter<JsonValue | undefined> {
  switch (filter.kind) {
    case 'and':
    case 'or': {
      const left = withDigests(filter.left, digests);
      return { kind: filter.kind, left, right: withDigests(filter.right, digests) };
    }
    case 'not':
      return { kind: 'not', operand: withDigests(filter.operand, digests) };
    case 'comparison': {
      const { value } = filter;
      if (!digests.has(value)) digests.set(value, digestOf(value));
      const digest = digests.get(value);
      // A separate member, so that no value is mistaken for a digest.
      return digest === undefined
        ? filter
        : Object.assign({ ...filter, value: undefined }, { digest });
    }
    default:
      return filter satisfies never;
  }
}

/** `undefined` for short values. */
function digestOf(value: JsonValue): string | undefined {
  const isShort = typeof value === 'string' ? value.length < shortJson : typeof value !== 'object';
  if (isShort || value === null) return undefined;
  const json = JSON.stringify(value);
  if (json.length < shortJson) return undefined;
  return createHash('sha256').update(json).digest('base64url');
}
