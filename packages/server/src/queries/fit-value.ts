import {
  type Comparison,
  type FitValue,
  type Fitted,
  type JsonValue,
  parseR,
} from '@really/protocol';
import { fieldAt } from '../model/field-at.js';
import { parseInstant } from '../model/instant.js';
import { keptForm } from '../model/kept-form.js';
import type { Field, Model } from '../model/model.js';

type Compared = Comparison<JsonValue>;

/**
 * Brings what a filter compares a field with to the form in which the field keeps its values, for these are compared as
 * they stand. Refuses what cannot be meant: `contains` on what is no list, and for a date a text that is no instant.
 */
export function fitValue({ fields }: Pick<Model, 'fields'>): FitValue {
  return (comparison) => {
    const { field: path, operator } = comparison;
    const [name = ''] = path;
    if (name.startsWith('_')) return fitSystemMember(comparison);
    const field = fieldAt(fields, path);
    // Within Json nothing is known of the value.
    if (!field || operator === 'starts with') return { value: comparison.value };
    if (operator === 'contains') return fitElement(comparison, field);
    return fitEach(comparison, (value) => fitOne(comparison, field, value));
  };
}

/** `_r`, an R of any collection, and `_rev`, a number. */
function fitSystemMember(comparison: Compared): Fitted {
  const { field, operator, value } = comparison;
  const [name = ''] = field;
  if (operator === 'contains') return notAList(comparison, name === '_r' ? 'an R' : 'a number');
  if (name !== '_r' || operator === 'starts with') return { value };
  return fitEach(comparison, (one) => {
    const parsed = parseR(one);
    return { value: parsed?.kind === 'object' ? parsed.r : one };
  });
}

/** Fits the value, or each one of a list of those that the field is compared with. */
function fitEach({ operator, value }: Compared, fit: (value: JsonValue) => Fitted): Fitted {
  const isList = operator === 'in' || operator === 'between';
  if (!isList || !Array.isArray(value)) return fit(value);
  const values: JsonValue[] = [];
  for (const one of value) {
    const fitted = fit(one);
    if ('problem' in fitted) return fitted;
    values.push(fitted.value);
  }
  return { value: values };
}

function fitOne({ field: path }: Compared, field: Field, value: JsonValue): Fitted {
  const isText = typeof value === 'string';
  if (isText && typeOf(field) === 'Date' && parseInstant(value) === undefined) {
    return { problem: `${path.join('.')} compares with an instant such as ${anInstant}` };
  }
  return { value: keptForm(field, value) };
}

const anInstant = '2026-01-31T12:00:00Z';

function fitElement(comparison: Compared, field: Field): Fitted {
  if (field.type === 'List') return fitOne(comparison, field.items, comparison.value);
  const type = typeOf(field);
  if (type === 'List' || type === 'Json') return { value: comparison.value };
  return notAList(comparison, `a ${type}`);
}

function notAList({ field }: Compared, what: string): Fitted {
  return { problem: `contains looks into a list, and ${field.join('.')} is ${what}` };
}

function typeOf(field: Field): string {
  return field.type === 'Calculated' ? field.valueType : field.type;
}
