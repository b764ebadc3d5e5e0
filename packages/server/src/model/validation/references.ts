import { isJsonObject, type JsonObject, type JsonValue } from '@really/protocol';
import type { Field, Model } from '../model.js';
import { anywhereIn } from './anywhere-in.js';

export interface FoundReference {
  /** `creator`, `team[0]`, `house.owner`. */
  readonly path: string;
  readonly r: string;
}

/** The references in validated data, at any depth: each must exist when the data is written. */
export function newReferences(model: Model, data: JsonObject): FoundReference[] {
  return referencesIn(model, data, model.fields.keys(), none);
}

/**
 * As `newReferences`, those in the touched top-level fields that the data before did not have in
 * these. An existing one may go on pointing at an object deleted since.
 */
export function addedReferences(
  model: Model,
  before: JsonObject,
  after: JsonObject,
  touched: readonly string[],
): FoundReference[] {
  const fields = fieldsWithReferences(model, touched);
  if (fields.size === 0) return [];
  const known = new Set<string>();
  for (const field of fields) eachReference(field, before[field.name], (r) => known.add(r));
  return referencesIn(model, after, touched, known);
}

/** The number of references in these top-level fields. */
export function countReferences(model: Model, data: JsonObject, names: Iterable<string>): number {
  let count = 0;
  for (const field of fieldsWithReferences(model, names)) {
    eachReference(field, data[field.name], () => (count += 1));
  }
  return count;
}

const noFields: ReadonlySet<Field> = new Set();

/** Most updates concern none: they should cost nothing here. */
function fieldsWithReferences(model: Model, names: Iterable<string>): ReadonlySet<Field> {
  let fields: Set<Field> | undefined;
  for (const name of names) {
    const field = model.fields.get(name);
    if (field === undefined || !holdsReference(field)) continue;
    fields ??= new Set();
    fields.add(field);
  }
  return fields ?? noFields;
}

const none: ReadonlySet<string> = new Set();

function referencesIn(
  model: Model,
  data: JsonObject,
  names: Iterable<string>,
  known: ReadonlySet<string>,
): FoundReference[] {
  const found: FoundReference[] = [];
  for (const name of names) {
    const field = model.fields.get(name);
    if (field !== undefined) collect(field, data[name], name, { known, found });
  }
  return found;
}

/** Makes no path of what is known, of which a list may have thousands. */
function collect(
  field: Field,
  value: JsonValue | undefined,
  path: string,
  into: { readonly known: ReadonlySet<string>; readonly found: FoundReference[] },
): void {
  if (!holdsReference(field)) return;
  const { known, found } = into;
  if (field.type === 'reference') {
    if (typeof value === 'string' && !known.has(value)) found.push({ path, r: value });
  } else if (field.type === 'Object' && isJsonObject(value)) {
    for (const inner of field.fields.values()) {
      collect(inner, value[inner.name], `${path}.${inner.name}`, into);
    }
  } else if (field.type === 'List' && Array.isArray(value)) {
    for (const [index, element] of value.entries()) {
      if (typeof element === 'string' && known.has(element)) continue;
      collect(field.items, element, `${path}[${index}]`, into);
    }
  }
}

function eachReference(
  field: Field,
  value: JsonValue | undefined,
  visit: (r: string) => void,
): void {
  if (!holdsReference(field)) return;
  if (field.type === 'reference') {
    if (typeof value === 'string') visit(value);
  } else if (field.type === 'Object' && isJsonObject(value)) {
    for (const inner of field.fields.values()) eachReference(inner, value[inner.name], visit);
  } else if (field.type === 'List' && Array.isArray(value)) {
    for (const element of value) eachReference(field.items, element, visit);
  }
}

/** Avoids walking long lists that cannot contain references. */
export const holdsReference = anywhereIn(({ type }) => type === 'reference');
