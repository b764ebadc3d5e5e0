import type { Model } from './model.js';

export type ResolvedFields =
  | {
      readonly ok: true;
      /** In the order of the model, without duplicates; `undefined` for all fields. */
      readonly fields: readonly string[] | undefined;
    }
  /** The first names that the model does not know, shortened. */
  | { readonly ok: false; readonly unknown: string[] };

/** Limits of reported unknown names and of their characters, so that a response is no larger than the request that it refuses. */
const mostUnknown = 20;
const longestName = 64;

/** Resolves a client's list of fields: names of top-level fields, and `@set` for a field set. No list means all fields. */
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
