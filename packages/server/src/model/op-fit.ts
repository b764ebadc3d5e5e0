import {
  type FieldErrors,
  type FieldOp,
  type KeyStep,
  ownMember,
  parseKey,
  setMember,
} from '@really/protocol';
import type { Field, Model } from './model.js';

/** The errors of rule UPD10 that the model shows alone, whether the field is set or not: an operation that does not go with its type. */
export function misfits(model: Pick<Model, 'fields'>, ops: readonly FieldOp[]): FieldErrors {
  const errors: FieldErrors = {};
  for (const { op, key } of ops) {
    const field = op === 'set' ? undefined : fieldAt(model.fields, parseKey(key) ?? []);
    const error = field && misfit(op, field);
    const known = ownMember(errors, key) ?? [];
    if (error && !known.includes(error)) setMember(errors, key, [...known, error]);
  }
  return errors;
}

function misfit(op: FieldOp['op'], { type }: Field): string | undefined {
  if (type === 'Calculated') return 'field.calculated';
  if (op === 'addNumber') return numeric.has(type) ? undefined : 'error.non.numeric.field';
  return lists.has(type) ? undefined : 'error.not.a.list';
}

const numeric: ReadonlySet<Field['type']> = new Set(['Long', 'Double', 'Json']);
const lists: ReadonlySet<Field['type']> = new Set(['List', 'Json']);

/** What the model says of the value at a path; `undefined` where it says nothing. */
function fieldAt(fields: Model['fields'], [first, ...rest]: readonly KeyStep[]): Field | undefined {
  let field = typeof first === 'string' ? fields.get(first) : undefined;
  for (const step of rest) {
    if (field?.type === 'Object' && typeof step === 'string') field = field.fields.get(step);
    else if (field?.type === 'List' && typeof step === 'number') field = field.items;
    else return undefined;
  }
  return field;
}
