import { isDeepStrictEqual } from 'node:util';
import type { JsonObject, JsonValue } from '../json/json.js';
import type { FieldOp } from './field-op.js';

/**
 * The oracle for `applyOps`: the field operations in the simplest way, on a copy of everything, by
 * recursion.
 */
export function plainOps(
  before: JsonObject,
  ops: readonly FieldOp[],
): { after: JsonObject } | { errors: Record<string, string> } {
  let value: JsonValue | undefined = structuredClone(before);
  const errors = new Map<string, string>();
  for (const op of ops) {
    try {
      value = change(value, plainSteps(op.key), op) ?? {};
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (!errors.has(op.key)) errors.set(op.key, error.message);
    }
  }
  return errors.size > 0 ? { errors: Object.fromEntries(errors) } : { after: value as JsonObject };
}

class Refusal extends Error {}

function plainSteps(key: string): string[] {
  return key
    .replaceAll('[', '.[')
    .split('.')
    .map((step) => step.replace(']', ''));
}

/** The result of `op` at `steps` below `value`. `undefined`: nothing is left. */
function change(
  value: JsonValue | undefined,
  [step, ...rest]: string[],
  op: FieldOp,
): JsonValue | undefined {
  if (step === undefined) return done(value ?? undefined, op);
  if (step.startsWith('[')) {
    const list = value ?? [];
    if (!Array.isArray(list)) throw new Refusal('error.not.a.list');
    const index = Number(step.slice(1));
    if (index >= list.length) throw new Refusal('error.index.out.of.range');
    return list.map((element, at) =>
      at === index ? (change(element, rest, op) ?? null) : element,
    );
  }
  if (
    value !== undefined &&
    value !== null &&
    (typeof value !== 'object' || Array.isArray(value))
  ) {
    throw new Refusal('type.invalid');
  }
  const members = new Map(Object.entries(value ?? {}));
  const next = change(members.get(step), rest, op);
  if (next === undefined && value === undefined) return undefined;
  if (next === undefined && value === null) return null;
  if (next === undefined) members.delete(step);
  else members.set(step, next);
  return Object.fromEntries(members);
}

function done(value: JsonValue | undefined, op: FieldOp): JsonValue | undefined {
  const given = op.value ?? null;
  if (op.op === 'set') return given ?? undefined;
  if (op.op === 'addNumber') {
    if (value !== undefined && typeof value !== 'number') {
      throw new Refusal('error.non.numeric.field');
    }
    if (typeof given !== 'number' || !Number.isFinite((value ?? 0) + given)) {
      throw new Refusal('error.value.should.be.number');
    }
    return (value ?? 0) + given;
  }
  if (value !== undefined && !Array.isArray(value)) throw new Refusal('error.not.a.list');
  const list = changed(value ?? [], op, given);
  return list.length === 0 ? value && [] : list;
}

function changed(list: JsonValue[], op: FieldOp, given: JsonValue): JsonValue[] {
  const values = Array.isArray(given) ? given : [given];
  const result = [...list];
  const index = op.opArgs?.index ?? -1;
  switch (op.op) {
    case 'push':
      for (const value of values) result.push(value);
      return result;
    case 'addToSet':
      for (const value of values) {
        if (!result.some((known) => isDeepStrictEqual(known, value))) result.push(value);
      }
      return result;
    case 'pull':
      return result
        .filter((element) => !isDeepStrictEqual(element, given))
        .filter((element) => values.every((value) => !isDeepStrictEqual(element, value)));
    case 'insertAt':
      if (index < 0 || index > list.length) throw new Refusal('error.index.out.of.range');
      return [...result.slice(0, index), given, ...result.slice(index)];
    default:
      if (index < 0 || index >= list.length) throw new Refusal('error.index.out.of.range');
      return [...result.slice(0, index), ...result.slice(index + 1)];
  }
}
