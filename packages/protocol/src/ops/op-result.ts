import { deepEqual } from '../json/deep-equal.js';
import type { JsonValue } from '../json/json.js';
import { JsonSet } from '../json/json-set.js';
import type { FieldOp } from './field-op.js';

/** The result of an operation on a value (`undefined`: unset), or why it does not fit. */
export type OpResult =
  | { readonly kind: 'value'; readonly value: JsonValue | undefined }
  | { readonly kind: 'error'; readonly error: OpError };

export type OpError =
  | 'error.non.numeric.field'
  | 'error.value.should.be.number'
  | 'error.not.a.list'
  | 'error.index.out.of.range'
  /** The list grew beyond its limit. */
  | 'type.invalid';

/** Up to this many values are compared one by one; for more a set pays off. */
const fewValues = 3;

/**
 * Applies one operation to the value at its key. An unset number counts as 0 and an unset list as
 * empty; an unset list to which nothing is added stays unset.
 */
export function opResult(op: FieldOp, current: JsonValue | undefined, longest: number): OpResult {
  if (op.op === 'set') return { kind: 'value', value: op.value ?? undefined };
  if (op.op === 'addNumber') return sum(current, op.value);
  const list = current ?? [];
  if (!Array.isArray(list)) return { kind: 'error', error: 'error.not.a.list' };
  const next = changedList(op, list);
  if (next === undefined) return { kind: 'error', error: 'error.index.out.of.range' };
  if (next.length > longest && next.length > list.length) {
    return { kind: 'error', error: 'type.invalid' };
  }
  const staysUnset = next.length === 0 && !Array.isArray(current);
  return { kind: 'value', value: staysUnset ? undefined : next };
}

function sum(current: JsonValue | undefined, value: JsonValue | undefined): OpResult {
  const start = current ?? 0;
  if (typeof start !== 'number') return { kind: 'error', error: 'error.non.numeric.field' };
  const total = typeof value === 'number' ? start + value : Number.NaN;
  return Number.isFinite(total)
    ? { kind: 'value', value: total }
    : { kind: 'error', error: 'error.value.should.be.number' };
}

/** `undefined` where the index is outside the list. */
function changedList(op: FieldOp, list: readonly JsonValue[]): JsonValue[] | undefined {
  const values = elementsOf(op.value ?? null);
  switch (op.op) {
    case 'push':
      return [...list, ...values];
    case 'addToSet':
      return withMissing(list, values);
    case 'pull':
      return withoutEqual(list, unwantedBy(op));
    case 'insertAt':
      return spliced(op, list, list.length, 0, [op.value ?? null]);
    case 'removeAt':
      return spliced(op, list, list.length - 1, 1, []);
    case 'set':
    case 'addNumber':
      return undefined;
    default:
      op.op satisfies never;
      return undefined;
  }
}

export function elementsOf(value: JsonValue): readonly JsonValue[] {
  return Array.isArray(value) ? value : [value];
}

/** The values that a `pull` removes: a list stands for its elements, and for itself. */
export function unwantedBy({ value = null }: FieldOp): readonly JsonValue[] {
  return Array.isArray(value) ? [...value, value] : [value];
}

/** The list and those of the values that are not in it, each once. */
function withMissing(list: readonly JsonValue[], values: readonly JsonValue[]): JsonValue[] {
  const [value = null] = values;
  if (values.length === 1) {
    return list.some((element) => deepEqual(element, value)) ? [...list] : [...list, value];
  }
  const missing = new JsonSet(values);
  for (const element of list) missing.delete(element);
  const next = [...list];
  for (const candidate of values) {
    if (!missing.has(candidate)) continue;
    next.push(candidate);
    missing.delete(candidate);
  }
  return next;
}

function withoutEqual(list: readonly JsonValue[], unwanted: readonly JsonValue[]): JsonValue[] {
  if (unwanted.length > fewValues) {
    const set = new JsonSet(unwanted);
    return list.filter((element) => !set.has(element));
  }
  return list.filter((element) => !unwanted.some((value) => deepEqual(element, value)));
}

function spliced(
  op: FieldOp,
  list: readonly JsonValue[],
  highest: number,
  removed: number,
  added: readonly JsonValue[],
): JsonValue[] | undefined {
  const index = op.opArgs?.index;
  if (index === undefined || !Number.isInteger(index) || index < 0 || index > highest) {
    return undefined;
  }
  return list.toSpliced(index, removed, ...added);
}
