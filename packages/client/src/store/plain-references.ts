import { isJsonObject, type JsonObject, type JsonValue } from '@really/protocol/client';

/**
 * An object of a read with its references as addresses, as pushes have them: a read brings the
 * targets along, `{"value": "/users/2", "ref": {…}}`.
 */
export function withPlainReferences(object: JsonObject): JsonObject {
  return plain(object) as JsonObject;
}

function plain(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(plain);
  if (!isJsonObject(value)) return value;
  if (isDereferenced(value)) return value.value ?? null;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]));
}

/** Nothing else looks like it: no field may be named `_r`. */
function isDereferenced({ value, ref, error, ...others }: JsonObject): boolean {
  if (typeof value !== 'string' || !value.startsWith('/')) return false;
  if (Object.keys(others).length > 0) return false;
  if (ref === undefined) return isJsonObject(error) && typeof error.code === 'number';
  return isJsonObject(ref) && ref._r === value;
}
