import type { JsonObject } from '@really/protocol';
import type { StoredObject } from '../store/stored-object.js';

const scriptObjects = new WeakMap<StoredObject, JsonObject>();

/** An object as scripts see it: the stored data with `_r` and `_rev`. */
export function scriptObject(object: StoredObject): JsonObject {
  let plain = scriptObjects.get(object);
  if (plain === undefined) {
    plain = { ...object.data, _r: object.r, _rev: object.rev };
    scriptObjects.set(object, plain);
  }
  return plain;
}
