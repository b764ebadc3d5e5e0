import { type Delta, setMember, topField } from '@really/protocol';
import type { Model } from '../model/model.js';
import { lastTouched } from '../objects/change.js';
import type { StoredObject } from '../store/store.js';

/** What one audience sees of an object: the fields it asked for (`undefined`: all), less those hidden from it. */
export interface Sight {
  readonly fields: readonly string[] | undefined;
  readonly hidden: readonly string[];
}

export function isSeen(sight: Sight, field: string): boolean {
  return (sight.fields?.includes(field) ?? true) && !sight.hidden.includes(field);
}

/** The names of the fields that are seen, set or not. */
export function seenFields(model: Model, { fields, hidden }: Sight): readonly string[] {
  const asked = fields ?? [...model.fields.keys()];
  return hidden.length === 0 ? asked : asked.filter((name) => !hidden.includes(name));
}

/** Whether a field that was hidden is seen now. */
export function seesMore(before: readonly string[], now: Sight): boolean {
  return before.some((field) => isSeen(now, field));
}

/** The last revision of the object that changed anything that is seen; its creation changed everything. */
export function lastChange(object: StoredObject, sight: Sight): number {
  let last = 1;
  for (const field of sight.fields ?? Object.keys(object.touched)) {
    if (!sight.hidden.includes(field)) last = Math.max(last, lastTouched(object, field));
  }
  return last;
}

/** The part of a change that is seen; `undefined` where that is nothing. */
export function seenDelta(delta: Delta, sight: Sight): Delta | undefined {
  if (sight.fields === undefined && sight.hidden.length === 0) return delta;
  let seen: Delta | undefined;
  for (const key of Object.keys(delta)) {
    const entry = delta[key];
    if (!entry || !isSeen(sight, topField(key))) continue;
    seen ??= {};
    setMember(seen, key, entry);
  }
  return seen;
}

/** Whether two lists of names are the same. */
export function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((name, index) => name === b[index]));
}

export function isSameSight(a: Sight, b: Sight): boolean {
  const isSame = a.fields && b.fields ? isSameList(a.fields, b.fields) : a.fields === b.fields;
  return isSame && isSameList(a.hidden, b.hidden);
}
