import type { Filter, JsonValue, RqlExpression } from '@really/protocol/values';

/**
 * A filter on its way to another thread. Long values are sent as JSON, each once however often it
 * is used: that takes a fraction of the time of cloning each element.
 */
export interface PackedFilter {
  readonly tree: Filter<PackedValue>;
  readonly values: readonly string[];
}

/** A plain value, or the index into `values`. */
type PackedValue = { readonly plain: JsonValue } | { readonly at: number };

/** Length of texts that are worth deduplicating. */
const longText = 256;

/** One search uses the same filter repeatedly. */
const packed = new WeakMap<RqlExpression, PackedFilter>();

export function packFilter(filter: RqlExpression): PackedFilter {
  const known = packed.get(filter);
  if (known) return known;
  const places = new Map<JsonValue, number>();
  const values: string[] = [];
  const tree = mapped(filter, (value: JsonValue): PackedValue => {
    const isLong =
      typeof value === 'string' ? value.length >= longText : typeof value === 'object' && value;
    if (!isLong) return { plain: value };
    const at = places.get(value) ?? values.push(JSON.stringify(value)) - 1;
    places.set(value, at);
    return { at };
  });
  const made = { tree, values };
  packed.set(filter, made);
  return made;
}

export function unpackFilter({ tree, values }: PackedFilter): RqlExpression {
  const read = values.map((json) => JSON.parse(json) as JsonValue);
  return mapped(tree, (value) => ('at' in value ? (read[value.at] ?? null) : value.plain));
}

function mapped<From, To>(filter: Filter<From>, map: (value: From) => To): Filter<To> {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return {
        kind: filter.kind,
        left: mapped(filter.left, map),
        right: mapped(filter.right, map),
      };
    case 'not':
      return { kind: 'not', operand: mapped(filter.operand, map) };
    case 'comparison':
      return { ...filter, value: map(filter.value) };
    default:
      return filter satisfies never;
  }
}
