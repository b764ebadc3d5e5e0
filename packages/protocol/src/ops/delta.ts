import { deepEqual } from '../json/deep-equal.js';
import { type JsonObject, type JsonValue, ownMember, setMember } from '../json/json.js';
import { applyOp, type OpsLimits } from './apply-ops.js';
import { Draft, find } from './draft.js';
import type { Delta, DeltaEntry, FieldOp } from './field-op.js';
import { parseKey, topField } from './key.js';
import { UpdateWork } from './update-work.js';

/** The content of a push was within the server's limits when it was written. */
const unlimited: OpsLimits = {
  keyLength: Number.POSITIVE_INFINITY,
  pathDepth: Number.POSITIVE_INFINITY,
  list: Number.POSITIVE_INFINITY,
};

/**
 * The delta of an `updated` push. A single operation on a top-level field is sent as received,
 * several are folded into one `set` of the field, and every other field that differs (calculated
 * ones) is sent as `set`.
 *
 * `after` is the object as stored. Where validation changed a received value (a date in another
 * time zone, say), the stored one is sent, so that `applyDelta(before, delta)` always equals
 * `after`.
 */
export function deltaOf(ops: readonly FieldOp[], before: JsonObject, after: JsonObject): Delta {
  const delta: Delta = {};
  const byField = onlyOps(ops);
  for (const [field, op] of byField) {
    const entry = op && entryOf(op, field, before, after);
    if (entry) setMember(delta, op.key, entry);
    else setMember(delta, field, setEntry(after, field));
  }
  const addDifference = (field: string) => {
    if (byField.has(field)) return;
    if (deepEqual(ownMember(before, field), ownMember(after, field))) return;
    setMember(delta, field, setEntry(after, field));
  };
  for (const field of Object.keys(before)) addDifference(field);
  for (const field of Object.keys(after)) if (!Object.hasOwn(before, field)) addDifference(field);
  return delta;
}

/** By top-level field, its operation; `undefined` where there are several. */
function onlyOps(ops: readonly FieldOp[]): Map<string, FieldOp | undefined> {
  const byField = new Map<string, FieldOp | undefined>();
  for (const op of ops) {
    const field = topField(op.key);
    byField.set(field, byField.has(field) ? undefined : op);
  }
  return byField;
}

/**
 * Applies the body of an `updated` push, as a subscriber does. Throws where the push does not fit
 * the object.
 */
export function applyDelta(data: JsonObject, delta: Delta): JsonObject {
  const draft = new Draft(data, new UpdateWork(Number.POSITIVE_INFINITY));
  for (const [key, entry] of Object.entries(delta)) {
    const error = applyEntry(draft, key, entry);
    if (error !== undefined)
      throw new RangeError(`the push does not fit the object: ${key}: ${error}`);
  }
  return draft.root;
}

function applyEntry(draft: Draft, key: string, entry: DeltaEntry): string | undefined {
  const op: FieldOp =
    entry.value === undefined
      ? { op: entry.op, key, value: entry.opValue, opArgs: entry.opArgs }
      : { op: 'set', key, value: entry.value };
  return applyOp(draft, op, unlimited);
}

/** `undefined` where the operation as received would not lead from `before` to `after`. */
function entryOf(
  op: FieldOp,
  field: string,
  before: JsonObject,
  after: JsonObject,
): DeltaEntry | undefined {
  const result = valueAt(after, op.key);
  const entry: DeltaEntry = { op: op.op, opValue: op.value ?? null };
  if (op.op === 'set') entry.opValue = result ?? null;
  if (op.op === 'addNumber' && typeof result === 'number') entry.value = result;
  if (op.opArgs?.index !== undefined) entry.opArgs = { index: op.opArgs.index };
  const draft = new Draft(before, new UpdateWork(Number.POSITIVE_INFINITY));
  if (applyEntry(draft, op.key, entry) !== undefined) return undefined;
  return deepEqual(ownMember(draft.root, field), ownMember(after, field)) ? entry : undefined;
}

function setEntry(after: JsonObject, field: string): DeltaEntry {
  return { op: 'set', opValue: ownMember(after, field) ?? null };
}

function valueAt(data: JsonObject, key: string): JsonValue | undefined {
  const found = find(data, parseKey(key, unlimited) ?? []);
  return found.kind === 'value' ? found.value : undefined;
}
