import { fail } from '../errors.js';
import type { JsonObject } from '../json/json.js';
import type { FieldOp } from '../ops/field-op.js';
import { parseKey } from '../ops/key.js';
import type { ObjectR } from '../r.js';
import { type Static, Type } from '../typebox.js';
import type { RequestBase } from './request.js';
import { defaultOpsCount, type RequestLimits } from './request-limits.js';
import { ArgumentErrors } from './schema/argument-errors.js';
import { checkerOf } from './schema/check-schema.js';
import { AnyValue, ChangeOptions, R, Rev, TraceId } from './schema/parts.js';
import { objectOf } from './target.js';

const Operation = Type.Object({
  op: Type.Enum(['set', 'addNumber', 'push', 'addToSet', 'pull', 'insertAt', 'removeAt']),
  key: Type.String({ minLength: 1 }),
  value: Type.Optional(AnyValue),
  opArgs: Type.Optional(Type.Object({ index: Type.Optional(Type.Integer()) })),
});

export const updateSchema = Type.Object({
  traceId: TraceId,
  r: R,
  rev: Rev,
  body: Type.Object({ ops: Type.Array(Operation, { minItems: 1 }) }),
  cmdOpts: Type.Optional(ChangeOptions),
});

export interface UpdateRequest extends RequestBase {
  readonly cmd: 'update';
  readonly target: ObjectR;
  /** The revision that the client last received. */
  readonly rev: number;
  readonly body: { readonly ops: readonly FieldOp[] };
  readonly cmdOpts: Static<typeof ChangeOptions>;
}

const check = checkerOf(updateSchema);

export function parseUpdate(
  message: JsonObject,
  tag: number,
  limits: RequestLimits,
): UpdateRequest {
  const target = objectOf(message);
  const { traceId, rev, body, cmdOpts } = check(message) as Static<typeof updateSchema>;
  checkOps(body.ops, limits);
  return { cmd: 'update', tag, traceId, target, rev, body, cmdOpts: cmdOpts ?? {} };
}

/**
 * Checks of operations beyond the schema. Whether one fits the value at its key is checked when it
 * is applied.
 */
function checkOps(ops: readonly FieldOp[], limits: RequestLimits): void {
  const most = limits.ops ?? defaultOpsCount;
  if (ops.length > most) throw fail.invalid('body.ops', `expected.from.1.to.${most}.elements`);
  const errors = new ArgumentErrors();
  for (const [index, op] of ops.entries()) {
    const path = `body.ops[${index}]`;
    if (parseKey(op.key, limits) === undefined) errors.add(`${path}.key`, 'expected.path');
    if (op.value === undefined && op.op !== 'removeAt')
      errors.add(`${path}.value`, 'expected.value');
    if (op.opArgs?.index === undefined && (op.op === 'insertAt' || op.op === 'removeAt')) {
      errors.add(`${path}.opArgs.index`, 'expected.integer');
    }
  }
  errors.throwIfAny();
}
