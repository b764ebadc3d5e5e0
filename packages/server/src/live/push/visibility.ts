import { type Delta, setMember, topField } from '@really/protocol';
import type { Model } from '../../model/model.js';
import { lastTouched } from '../../objects/change.js';
import type { StoredObject } from '../../store/store.js';

/** What one audience sees of an object: the fields it asked for (`undefined`: all), less those hidden from it. */
export interface Visibility {
  readonly fields: readonly string[] | undefined;
  readonly hidden: readonly string[];
}

export function isVisible(visibility: Visibility, field: string): boolean {
  return (visibility.fields?.includes(field) ?? true) && !visibility.hidden.includes(field);
}

/** The names of the fields that are seen, set or not. */
export function visibleFields(model: Model, { fields, hidden }: Visibility): readonly string[] {
  const asked = fields ?? [...model.fields.keys()];
  return hidden.length === 0 ? asked : asked.filter((name) => !hidden.includes(name));
}

/** Whether a field that was hidden is seen now. */
export function gainsFields(before: readonly string[], now: Visibility): boolean {
  return before.some((field) => isVisible(now, field));
}

/** The last revision of the object that changed anything that is seen; its creation changed everything. */
export function lastVisibleChange(object: StoredObject, visibility: Visibility): number {
  let last = 1;
  for (const field of visibility.fields ?? Object.keys(object.touched)) {
    if (!visibility.hidden.includes(field)) last = Math.max(last, lastTouched(object, field));
  }
  return last;
}

/** The part of a change that is seen; `undefined` where that is nothing. */
export function visibleDelta(delta: Delta, visibility: Visibility): Delta | undefined {
  if (visibility.fields === undefined && visibility.hidden.length === 0) return delta;
  let visible: Delta | undefined;
  for (const key of Object.keys(delta)) {
    const entry = delta[key];
    if (!entry || !isVisible(visibility, topField(key))) continue;
    visible ??= {};
    setMember(visible, key, entry);
  }
  return visible;
}

/** Whether two lists of names are the same. */
export function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((name, index) => name === b[index]));
}

export function isSameVisibility(a: Visibility, b: Visibility): boolean {
  const isSame = a.fields && b.fields ? isSameList(a.fields, b.fields) : a.fields === b.fields;
  return isSame && isSameList(a.hidden, b.hidden);
}
