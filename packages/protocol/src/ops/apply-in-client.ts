import { deepEqual } from '../json/deep-equal.js';
import { isJsonObject, type JsonObject, type JsonValue, ownMember } from '../json/json.js';
import type { Delta, FieldOp } from './field-op.js';
import { type KeyStep, parseKey } from './key.js';

/**
 * The result of `applyOps` in a tenth of its code, for pages that have to load it: without limits, and
 * slow for thousands of operations on long lists. Shares unchanged parts with `before`. Throws a
 * `RangeError` where an operation does not fit.
 */
export function applyInClient(before: JsonObject, ops: readonly FieldOp[]): JsonObject {
  return ops.reduce<JsonObject>((object, op) => {
    const steps = parseKey(op.key, unlimited);
    return steps ? (changed(object, steps, op) as JsonObject) : misfit();
  }, before);
}

/** As `applyDelta`: applies the body of an `updated` push. Throws where it does not fit the object. */
export function applyDeltaInClient(before: JsonObject, delta: Delta): JsonObject {
  const ops = Object.entries(delta).map(([key, { op, opValue, opArgs, value }]): FieldOp => {
    return value === undefined ? { op, key, value: opValue, opArgs } : { op: 'set', key, value };
  });
  return applyInClient(before, ops);
}

const unlimited = { keyLength: Number.POSITIVE_INFINITY, pathDepth: Number.POSITIVE_INFINITY };

function misfit(): never {
  throw new RangeError('the operation does not fit');
}

/** `undefined`, of a value and in place of one: unset. */
type Value = JsonValue | undefined;

/** The value after an operation on what is below it, at these steps. */
function changed(value: Value, [step, ...rest]: readonly KeyStep[], op: FieldOp): Value {
  if (step === undefined) return result(value ?? undefined, op);
  if (typeof step === 'number') {
    const list = listOf(value);
    if (step >= list.length) misfit();
    return list.with(step, changed(list[step], rest, op) ?? null);
  }
  const object = value ?? {};
  if (!isJsonObject(object)) return misfit();
  const member = changed(ownMember(object, step), rest, op);
  if (member !== undefined) return { ...object, [step]: member };
  // Nothing is made for what is unset below it.
  if (value === undefined || value === null) return value;
  const { [step]: _unset, ...others } = object;
  return others;
}

function result(current: Value, op: FieldOp): Value {
  const { value = null } = op;
  if (op.op === 'set') return value ?? undefined;
  if (op.op === 'addNumber') {
    const start = current ?? 0;
    if (typeof start !== 'number' || typeof value !== 'number') return misfit();
    return Number.isFinite(start + value) ? start + value : misfit();
  }
  const list = changedList(listOf(current), op, value);
  return list.length > 0 || current !== undefined ? list : undefined;
}

function changedList(list: JsonValue[], { op, opArgs }: FieldOp, value: JsonValue): JsonValue[] {
  const values = Array.isArray(value) ? value : [value];
  const has = (all: readonly JsonValue[], one: JsonValue) => all.some((it) => deepEqual(it, one));
  if (op === 'push') return [...list, ...values];
  if (op === 'pull') return list.filter((it) => !has([...values, value], it));
  if (op === 'addToSet') {
    const grown = [...list];
    for (const it of values) if (!has(grown, it)) grown.push(it);
    return grown;
  }
  const [removed, added] = op === 'insertAt' ? [0, [value]] : [1, []];
  const index = opArgs?.index ?? -1;
  const isIndex = Number.isInteger(index) && index >= 0 && index <= list.length - removed;
  return isIndex ? list.toSpliced(index, removed, ...added) : misfit();
}

function listOf(value: Value): JsonValue[] {
  const list = value ?? [];
  return Array.isArray(list) ? list : misfit();
}
