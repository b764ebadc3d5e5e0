import {
  holdsRounded,
  isJsonObject,
  isRounded,
  type JsonObject,
  type JsonValue,
} from '@really/protocol';
import type { Field } from '../model.js';

/**
 * The paths of Longs in these members that were sent with a fraction and are whole only by rounding, such as
 * 9007199254740990.9: a Long refuses a fraction. `members` is as parsed, not a copy.
 */
export function roundedLongs(fields: ReadonlyMap<string, Field>, members: JsonObject): string[] {
  const paths: string[] = [];
  if (holdsRounded(members)) lookAt(fields, members, '', paths);
  return paths;
}

function lookAt(
  fields: ReadonlyMap<string, Field>,
  members: JsonObject,
  path: string,
  paths: string[],
): void {
  for (const name of Object.keys(members)) {
    const field = fields.get(name);
    if (field) collectRounded(field, members, name, path === '' ? name : `${path}.${name}`, paths);
  }
}

/** The same for one member of an object or a list, which is a value of this field. */
export function collectRounded(
  field: Field,
  container: object,
  member: string | number,
  path: string,
  paths: string[],
): void {
  const value = (container as Record<string | number, JsonValue>)[member];
  // A number that is too large is refused for that.
  const isKept = field.type === 'Long' && Number.isSafeInteger(value);
  if (isKept && isRounded(container, member)) paths.push(path);
  if (!holdsRounded(value)) return;
  if (field.type === 'Object' && isJsonObject(value)) lookAt(field.fields, value, path, paths);
  if (field.type === 'List' && Array.isArray(value)) {
    for (const index of value.keys()) {
      collectRounded(field.items, value, index, `${path}[${index}]`, paths);
    }
  }
}
