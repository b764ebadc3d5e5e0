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
  switch (field.type) {
    case 'Date':
      return storedInstant(value);
    case 'Calculated':
      return field.valueType === 'Date' ? storedInstant(value) : value;
    case 'reference':
      return storedReference(field, value) ?? value;
    case 'Object':
      return isJsonObject(value) ? storedMembers(field.fields, value) : value;
    case 'List':
      if (!Array.isArray(value)) return value;
      return value.map((element) => storedForm(field.items, element));
    default:
      return value;
  }
}

function storedInstant(value: JsonValue): JsonValue {
  return typeof value === 'string' ? (parseInstant(value) ?? value) : value;
}

function storedMembers(fields: ReadonlyMap<string, Field>, value: JsonObject): JsonObject {
  const entries = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(
    entries.map(([name, member]) => {
      const field = fields.get(name);
      return [name, field ? storedForm(field, member) : member];
    }),
  );
}

/** With values in stored form: for `addToSet` and `pull` another spelling is the same value. */
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
