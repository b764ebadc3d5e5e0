import type { Model } from './model.js';

export type ResolvedFields =
  | {
      readonly ok: true;
      /** In the order of the model, each once; `undefined` for all. */
      readonly fields: readonly string[] | undefined;
    }
  /** The first of those that the model does not know, shortened. */
  | { readonly ok: false; readonly unknown: string[] };

/** So many unknown names are told, and so many characters of each: an answer may not be larger than the request that it refuses. */
const mostUnknown = 20;
const longestName = 64;

/** What a client's list of fields means: names of top-level fields, and `@set` for a field set of the model. No fields means all. */
export function resolveFields(model: Model, fields: readonly string[] | undefined): ResolvedFields {
  if (fields === undefined || fields.length === 0) return { ok: true, fields: undefined };
  const asked = new Set<string>();
  const unknown = new Set<string>();
  for (const name of fields) {
    const set = name.startsWith('@') ? model.fieldSets.get(name.slice(1)) : undefined;
    if (set !== undefined) for (const member of set) asked.add(member);
    else if (model.fields.has(name)) asked.add(name);
    else if (unknown.size < mostUnknown) unknown.add(name.slice(0, longestName));
  }
  if (unknown.size > 0) return { ok: false, unknown: [...unknown] };
  return { ok: true, fields: [...model.fields.keys()].filter((name) => asked.has(name)) };
}
