import { fail } from '../errors.js';
import type { JsonObject } from '../json/json.js';
import { type CollectionR, type ObjectR, type ParsedR, parseR } from '../r.js';

/** The R of a request. Throws 400 `r.invalid`. */
export function targetOf(message: JsonObject): ParsedR {
  const target = parseR(message.r);
  if (target === undefined) throw fail('r.invalid');
  return target;
}

export function objectOf(message: JsonObject): ObjectR {
  const target = targetOf(message);
  if (target.kind !== 'object') throw fail('r.object.required');
  return target;
}

export function collectionOf(message: JsonObject): CollectionR {
  const target = targetOf(message);
  if (target.kind !== 'collection') throw fail('r.collection.required');
  return target;
}
