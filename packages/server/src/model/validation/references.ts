import { isJsonObject, type JsonObject, type JsonValue } from '@really/protocol';
import type { Field, Model } from '../model.js';

export interface FoundReference {
  /** `creator`, `team[0]`, `house.owner`. */
  readonly path: string;
  readonly r: string;
}

/** The references in the touched top-level fields of validated data, at any depth: each must exist when the data is written. */
export function newReferences(
  model: Model,
  data: JsonObject,
  touched: readonly string[] | 'all',
): FoundReference[] {
  const found: FoundReference[] = [];
  for (const name of touched === 'all' ? model.fields.keys() : touched) {
    const field = model.fields.get(name);
    if (field !== undefined) collect(field, data[name], name, found);
  }
  return found;
}

function collect(
  field: Field,
  value: JsonValue | undefined,
  path: string,
  found: FoundReference[],
): void {
  if (!holdsReference(field)) return;
  if (field.type === 'reference') {
    if (typeof value === 'string') found.push({ path, r: value });
  } else if (field.type === 'Object' && isJsonObject(value)) {
    for (const inner of field.fields.values()) {
      collect(inner, value[inner.name], `${path}.${inner.name}`, found);
    }
  } else if (field.type === 'List' && Array.isArray(value)) {
    for (const [index, element] of value.entries()) {
      collect(field.items, element, `${path}[${index}]`, found);
    }
  }
}

const known = new WeakMap<Field, boolean>();

/** Avoids walking long lists that cannot contain references. */
export function holdsReference(field: Field): boolean {
  let answer = known.get(field);
  if (answer === undefined) {
    answer = field.type === 'reference' || innerFields(field).some(holdsReference);
    known.set(field, answer);
  }
  return answer;
}

function innerFields(field: Field): Field[] {
  if (field.type === 'Object') return [...field.fields.values()];
  return field.type === 'List' ? [field.items] : [];
}
