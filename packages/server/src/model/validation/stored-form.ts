import {
  type FieldOp,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  parseKey,
} from '@really/protocol';
import { fieldAt } from '../field-at.js';
import type { Field, Model } from '../model.js';
import { storedReference } from './check-types.js';
import { parseInstant } from './instant.js';

/**
 * The stored form of a value, at any depth: instants in UTC with milliseconds, references as they are printed,
 * embedded objects without nulls. Values that the field would refuse stay as they are.
 */
export function storedForm(field: Field, value: JsonValue): JsonValue {
  switch (field.type === 'Calculated' ? field.valueType : field.type) {
    case 'Date':
      return typeof value === 'string' ? (parseInstant(value) ?? value) : value;
    case 'reference':
      return (field.type === 'reference' && storedReference(field, value)) || value;
    case 'Object':
      return field.type === 'Object' && isJsonObject(value) ? keptObject(field, value) : value;
    case 'List':
      return field.type === 'List' && Array.isArray(value)
        ? value.map((element) => storedForm(field.items, element))
        : value;
    default:
      return value;
  }
}

function keptObject({ fields }: Extract<Field, { type: 'Object' }>, value: JsonObject): JsonObject {
  const entries = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(
    entries.map(([name, member]) => {
      const field = fields.get(name);
      return [name, field ? storedForm(field, member) : member];
    }),
  );
}

/**
 * Operations with values in stored form, so that another spelling of an existing value is not added again by
 * `addToSet`, and is removed by `pull`.
 */
export function storedOps(model: Pick<Model, 'fields'>, ops: readonly FieldOp[]): FieldOp[] {
  return ops.map((op) => {
    const field = fieldAt(model.fields, parseKey(op.key) ?? []);
    if (field === undefined || op.value === undefined || op.value === null) return op;
    const value = keptOperand(op, field, op.value);
    return value === op.value ? op : { ...op, value };
  });
}

function keptOperand({ op }: FieldOp, field: Field, value: JsonValue): JsonValue {
  if (op === 'set') return storedForm(field, value);
  if (field.type !== 'List') return value;
  const { items } = field;
  if (op === 'insertAt' || !Array.isArray(value)) return storedForm(items, value);
  // A list stands for its elements, and for pull also for itself, if the elements are lists.
  return storedForm(
    items,
    value.map((element) => storedForm(items, element)),
  );
}
