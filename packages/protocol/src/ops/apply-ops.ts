import type { FieldErrors } from '../errors.js';
import { type JsonObject, ownMember, setMember } from '../json/json.js';
import { isExact as isExactNumber } from '../json/json-text.js';
import { Draft } from './draft.js';
import type { FieldOp } from './field-op.js';
import { defaultKeyLimits, type KeyLimits, type KeyStep, parseKey, topField } from './key.js';
import { listDrafts } from './list-draft.js';
import { type OpResult, opResult } from './op-result.js';
import { UpdateWork } from './update-work.js';

export type OpsResult =
  | {
      readonly ok: true;
      readonly after: JsonObject;
      /** The top-level fields that the operations name, in order, each once. */
      readonly touched: string[];
    }
  | {
      readonly ok: false;
      /** By key as sent. */
      readonly errors: FieldErrors;
    };

export interface OpsLimits extends KeyLimits {
  /** Maximum elements of a list; an operation that would add more is refused. */
  readonly list: number;
  /**
   * Approximate bytes of JSON that may be compared: the cost of one update's operations on long
   * lists. Rule LIM22.
   */
  readonly updateWork?: number | undefined;
  /** Whether a sum at this key is refused where a number cannot hold it exactly. */
  readonly isExact?: ((steps: readonly KeyStep[]) => boolean) | undefined;
}

/**
 * Applies the operations in order, each to what the ones before it left: all of them, or none where
 * one does not fit. Does not modify `before` and the values of the operations; the result shares
 * unchanged parts with them. The client applies updates with this function as the server does.
 */
export function applyOps(
  before: JsonObject,
  ops: readonly FieldOp[],
  limits: Partial<OpsLimits> = {},
): OpsResult {
  const work = new UpdateWork(limits.updateWork ?? Number.POSITIVE_INFINITY);
  return applyTo(new Draft(before, work, listDrafts(work)), ops, limits);
}

function applyTo(draft: Draft, ops: readonly FieldOp[], limits: Partial<OpsLimits>): OpsResult {
  const {
    keyLength = defaultKeyLimits.keyLength,
    pathDepth = defaultKeyLimits.pathDepth,
    list = Number.POSITIVE_INFINITY,
  } = limits;
  const bounds = { keyLength, pathDepth, list, isExact: limits.isExact };
  const errors: FieldErrors = {};
  const touched = new Set<string>();
  for (const op of ops) {
    if (draft.work.isSpent) return { ok: false, errors: { [op.key]: [beyondUpdateWork] } };
    const error = applyOp(draft, op, bounds);
    touched.add(topField(op.key));
    if (error !== undefined) addError(errors, op.key, error);
  }
  if (Object.keys(errors).length > 0) return { ok: false, errors };
  return { ok: true, after: draft.root, touched: [...touched] };
}

/** The code for the first operation beyond the limit. */
export const beyondUpdateWork = 'beyond limits.updateWork';

/**
 * Applies one operation to the draft, or returns why it does not fit and leaves the draft
 * unchanged.
 */
export function applyOp(draft: Draft, op: FieldOp, limits: OpsLimits): string | undefined {
  const steps = parseKey(op.key, limits);
  if (steps === undefined) return 'field.unknown';
  const found = draft.find(steps);
  if (found.kind === 'error') return found.error;
  const isList = op.op !== 'set' && op.op !== 'addNumber';
  if (isList && Array.isArray(found.value)) {
    const list = draft.ownList(steps, found.value);
    if (list) return list.apply(op, limits.list);
  }
  const result = opResult(op, found.value, limits.list);
  if (op.op === 'addNumber' && isInexact(result, steps, limits)) return 'type.invalid';
  if (result.kind === 'error') return result.error;
  if (isList && Array.isArray(result.value)) draft.putOwn(steps, result.value);
  else draft.put(steps, result.value);
  return undefined;
}

function isInexact(result: OpResult, steps: readonly KeyStep[], { isExact }: OpsLimits): boolean {
  if (result.kind !== 'value' || !isExact?.(steps)) return false;
  return typeof result.value === 'number' && !isExactNumber(result.value);
}

function addError(errors: FieldErrors, key: string, error: string): void {
  const known = ownMember(errors, key);
  if (known === undefined) setMember(errors, key, [error]);
  else if (!known.includes(error)) known.push(error);
}
