import {
  type BindSteps,
  type Comparison,
  type Fitted,
  type FitValue,
  inexactIn,
  type JsonValue,
  parseR,
} from '@really/protocol';
import { fieldAt } from '../model/field-at.js';
import type { Field, Model } from '../model/model.js';
import { parseInstant } from '../model/validation/instant.js';
import { storedForm } from '../model/validation/stored-form.js';

type Compared = Comparison<JsonValue>;

/**
 * Converts the operands of a filter to the stored form of the field. Refuses mistakes: `contains`
 * on a field that is neither text nor list, an invalid instant for a Date, and integers beyond 2^53 that may
 * have been rounded, except for a Double.
 */
export function fitValue({ fields }: Pick<Model, 'fields'>): FitValue {
  return function* fit(comparison) {
    const { field: path, operator, value } = comparison;
    const [name = ''] = path;
    if (name.startsWith('_')) return yield* fitSystemMember(comparison);
    const field = fieldAt(fields, path);
    if (operator === 'starts with') return { value };
    // The type of a value within Json is unknown.
    if (!field) return fitExact(value);
    if (isContains(comparison)) return fitElement(comparison, field);
    if (keptAsTheyAre.has(typeOf(field))) return { value };
    return yield* fitEach(comparison, (element) => fitOne(comparison, field, element));
  };
}

/** Types compared as they are. */
const keptAsTheyAre: ReadonlySet<string> = new Set(['String', 'Boolean', 'Double']);

/** `_r`, an R of any collection, and `_rev`, a number. */
function* fitSystemMember(comparison: Compared): BindSteps<Fitted> {
  const { field, operator, value } = comparison;
  const [name = ''] = field;
  if (isContains(comparison)) return cannotContain(comparison, name === '_r' ? 'an R' : 'a number');
  if (operator === 'starts with') return { value };
  if (name !== '_r') return fitExact(value);
  return yield* fitEach(comparison, (element) => {
    const parsed = parseR(element);
    return { value: parsed?.kind === 'object' ? parsed.r : element };
  });
}

/** List elements per step. */
const elementsPerStep = 100;

/** Converts the value, or each element of a list: the same list if nothing changes. */
function* fitEach(
  { operator, value }: Compared,
  fit: (value: JsonValue) => Fitted,
): BindSteps<Fitted> {
  const isList = operator === 'in' || operator === 'between';
  if (!isList || !Array.isArray(value)) return fit(value);
  const values: JsonValue[] = [];
  let isSame = true;
  for (const element of value) {
    const fitted = fit(element);
    if ('problem' in fitted) return fitted;
    isSame &&= fitted.value === element;
    values.push(fitted.value);
    if (values.length % elementsPerStep === 0) yield;
  }
  return { value: isSame ? value : values };
}

/** Integers that are refused in bodies (rule NUM2) may have been rounded by the client. */
function fitExact(value: JsonValue): Fitted {
  if (inexactIn(value) === undefined) return { value };
  return { problem: 'a whole number beyond ±(2^53 - 1) is not kept exactly' };
}

const exactTypes: ReadonlySet<string> = new Set(['Long', 'Json']);

function fitOne({ field: path }: Compared, field: Field, value: JsonValue): Fitted {
  const isText = typeof value === 'string';
  if (isText && typeOf(field) === 'Date' && parseInstant(value) === undefined) {
    return { problem: `${path.join('.')} compares with an instant such as ${anInstant}` };
  }
  return exactTypes.has(typeOf(field)) ? fitExact(value) : { value: storedForm(field, value) };
}

const anInstant = '2026-01-31T12:00:00Z';

function fitElement(comparison: Compared, field: Field): Fitted {
  if (field.type === 'List') return fitOne(comparison, field.items, comparison.value);
  const type = typeOf(field);
  if (type === 'List') return { value: comparison.value };
  if (type === 'Json') return fitExact(comparison.value);
  if (type !== 'String') {
    return cannotContain(comparison, type === 'Object' ? 'an Object' : `a ${type}`);
  }
  if (typeof comparison.value === 'string') return { value: comparison.value };
  return { problem: `${comparison.field.join('.')} is a text, in which contains looks for a text` };
}

function isContains({ operator }: Compared): boolean {
  return operator === 'contains' || operator === 'contains ignoring case';
}

function cannotContain({ field }: Compared, what: string): Fitted {
  return { problem: `contains looks into a text or a list, and ${field.join('.')} is ${what}` };
}

function typeOf(field: Field): string {
  return field.type === 'Calculated' ? field.valueType : field.type;
}
