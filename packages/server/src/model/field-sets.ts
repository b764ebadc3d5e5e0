import type { Model } from './model.js';

export type ResolvedFields =
  | {
      readonly ok: true;
      /** In the order of the model, each once; `undefined` for all. */
      readonly fields: readonly string[] | undefined;
    }
  | { readonly ok: false; readonly unknown: string[] };

/** What a client's list of fields means: names of top-level fields, and `@set` for a field set of the model. No fields means all. */
export function resolveFields(model: Model, fields: readonly string[] | undefined): ResolvedFields {
  if (fields === undefined || fields.length === 0) return { ok: true, fields: undefined };
  const asked = new Set<string>();
  const unknown = new Set<string>();
  for (const name of fields) {
    const set = name.startsWith('@') ? model.fieldSets.get(name.slice(1)) : undefined;
    if (set !== undefined) for (const member of set) asked.add(member);
    else if (model.fields.has(name)) asked.add(name);
    else unknown.add(name);
  }
  if (unknown.size > 0) return { ok: false, unknown: [...unknown] };
  return { ok: true, fields: [...model.fields.keys()].filter((name) => asked.has(name)) };
}
