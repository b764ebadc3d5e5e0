import { type Delta, setMember, topField } from '@really/protocol';
import type { Model } from '../../model/model.js';
import { lastTouched } from '../../objects/change.js';
import type { StoredObject } from '../../store/stored-object.js';

/** What a group sees of an object: the requested fields (`undefined`: all) that are not hidden. */
export interface Visibility {
  readonly fields: readonly string[] | undefined;
  readonly hidden: readonly string[];
}

export function isVisible(visibility: Visibility, field: string): boolean {
  return (visibility.fields?.includes(field) ?? true) && !visibility.hidden.includes(field);
}

/** The names of the visible fields, set or not. */
export function visibleFields(model: Model, { fields, hidden }: Visibility): readonly string[] {
  const requested = fields ?? [...model.fields.keys()];
  return hidden.length === 0 ? requested : requested.filter((name) => !hidden.includes(name));
}

/** Whether a field that was hidden is visible now. */
export function gainsFields(before: readonly string[], now: Visibility): boolean {
  return before.some((field) => isVisible(now, field));
}

/** The last revision that changed a visible field; creation changes every field. */
export function lastVisibleChange(object: StoredObject, visibility: Visibility): number {
  let last = 1;
  for (const field of visibility.fields ?? Object.keys(object.touched)) {
    if (!visibility.hidden.includes(field)) last = Math.max(last, lastTouched(object, field));
  }
  return last;
}

/** The visible part of a change; `undefined` if there is none. */
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
