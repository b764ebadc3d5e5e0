import {
  type FieldErrors,
  type FieldOp,
  holdsRounded,
  infiniteIn,
  isRounded,
  type KeyStep,
  ownMember,
  parseKey,
  setMember,
} from '@really/protocol';
import { fieldAt } from '../field-at.js';
import type { Field, Model } from '../model.js';
import { collectRounded } from './rounded-numbers.js';

/**
 * The errors of rule UPD10 that follow from the model alone, whether the field is set or not: an operation that does
 * not fit its type, and numbers that a Long would have to round. `ops` are as parsed, not copies.
 */
export function mistypedOperations(
  model: Pick<Model, 'fields'>,
  ops: readonly FieldOp[],
): FieldErrors {
  const errors: FieldErrors = {};
  const add = (path: string, error: string) => {
    const known = ownMember(errors, path) ?? [];
    if (!known.includes(error)) setMember(errors, path, [...known, error]);
  };
  for (const op of ops) {
    const field = fieldAt(model.fields, parseKey(op.key) ?? []);
    if (isLost(op, field, ops)) add(op.key, 'type.invalid');
    if (!field) continue;
    const error = op.op === 'set' ? undefined : mistypedOperation(op, field);
    if (error) add(op.key, error);
    if (holdsRoundedLong(op, field)) add(op.key, 'type.invalid');
  }
  return errors;
}

function mistypedOperation({ op, value }: FieldOp, { type }: Field): string | undefined {
  if (type === 'Calculated') return 'field.calculated';
  if (op !== 'addNumber') return lists.has(type) ? undefined : 'error.not.a.list';
  if (!numeric.has(type)) return 'error.non.numeric.field';
  // The sum could be whole only by rounding.
  const isFraction = type === 'Long' && typeof value === 'number' && !Number.isSafeInteger(value);
  return isFraction ? 'type.invalid' : undefined;
}

const numeric: ReadonlySet<Field['type']> = new Set(['Long', 'Double', 'Json']);
const lists: ReadonlySet<Field['type']> = new Set(['List', 'Json']);

/**
 * Whether a number of the operation was rounded by parsing in a way that no check of the result would notice: pulled
 * values are not in it, nor values that a later operation replaces. Numbers in a list of Doubles may be rounded.
 */
function isLost(op: FieldOp, field: Field | undefined, ops: readonly FieldOp[]): boolean {
  if (op.value === undefined || (op.op !== 'pull' && ops.length === 1)) return false;
  if (infiniteIn(op.value) !== undefined) return true;
  const isDouble = field?.type === 'List' && field.items.type === 'Double';
  return op.op === 'pull' && !isDouble && (isRounded(op, 'value') || holdsRounded(op.value));
}

function holdsRoundedLong(op: FieldOp, field: Field): boolean {
  if (!holdsRounded(op)) return false;
  const isElement = field.type === 'List' && !(op.op === 'set' || Array.isArray(op.value));
  const paths: string[] = [];
  collectRounded(isElement ? field.items : field, op, 'value', op.key, paths);
  return paths.length > 0;
}

/** Whether a sum has to be exact: everywhere except in a Double, which is for numbers of any size. */
export function exactAt({ fields }: Pick<Model, 'fields'>): (steps: readonly KeyStep[]) => boolean {
  return (steps) => fieldAt(fields, steps)?.type !== 'Double';
}
