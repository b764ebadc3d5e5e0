import type { JsonValue } from '@really/protocol';
import { lookupScope } from '../lookups/find-lookups.js';
import type { LookupFinder, LookupInputs } from '../lookups/lookup.js';
import type { Model, Script, ScriptFailure, ScriptResult } from '../model.js';
import { nowKey, ownerKey, type ScriptScope } from '../script/expression.js';
import { refusalError, scriptError } from '../script/failure-log.js';
import type { PendingCheck } from './check-types.js';
import type { ValidationErrors } from './validation-errors.js';

/** Reports a failure, and stops the command if the script was stopped or did not run, because its result is unknown. */
export function reportFailure(
  model: Model,
  script: Script,
  result: ScriptFailure | Extract<ScriptResult, { kind: 'refused' }>,
): void {
  if (result.kind === 'refused') throw refusalError(result);
  model.onScriptFailure(script.where, result);
  if (result.kind === 'stopped') throw scriptError(script.where, result);
}

/** What checks see besides the value. */
export interface CheckContext {
  /** For `now()`. */
  readonly now?: string | undefined;
  readonly owner?: string | undefined;
  /** For lookups: the object as it would be, and where they are found. Without it, they find nothing. */
  readonly lookups?: { readonly inputs: LookupInputs; readonly finder: LookupFinder } | undefined;
}

/** Runs the checks that the types left, all at once, and adds problems to `errors`. */
export async function runChecks(
  model: Model,
  checks: readonly PendingCheck[],
  errors: ValidationErrors,
  context: CheckContext = {},
): Promise<void> {
  const runs: (ScriptResult | Promise<ScriptResult>)[] = [];
  for (const check of checks) runs.push(runCheck(check, context));
  const results = runs.some((run) => run instanceof Promise) ? await Promise.all(runs) : runs;
  for (const [index, check] of checks.entries()) {
    const code = resultOf(model, check, results[index] as ScriptResult);
    if (code !== undefined) errors.add(check.path, code);
  }
}

function runCheck(
  check: PendingCheck,
  { now, owner, lookups }: CheckContext,
): ScriptResult | Promise<ScriptResult> {
  const { script } = check;
  const own = scopeOf(check, now, owner);
  if (!script.lookups?.length || !lookups) return script.run(own);
  const found = lookupScope(script.lookups, lookups.inputs, lookups.finder);
  // The value under its own name hides a lookup.
  if (!(found instanceof Promise)) return script.run({ ...found, ...own });
  return found.then((late) => script.run({ ...late, ...own }));
}

function scopeOf(
  { name, value }: PendingCheck,
  now: string | undefined,
  owner: string | undefined,
): ScriptScope {
  const scope: Record<string, JsonValue | undefined> = { value };
  if (name !== '') scope[name] = value;
  if (now !== undefined) scope[nowKey] = now;
  if (owner !== undefined) scope[ownerKey] = owner;
  return scope;
}

function resultOf(model: Model, check: PendingCheck, result: ScriptResult): string | undefined {
  switch (result.kind) {
    case 'returned':
      return check.kind === 'required'
        ? requiredResult(result.value)
        : validationResult(result.value);
    case 'cancelled':
      return 'validation.custom.runtime_error';
    case 'threw':
    case 'stopped':
    case 'refused':
      reportFailure(model, check.script, result);
      return 'validation.custom.runtime_error';
    default:
      return result satisfies never;
  }
}

function requiredResult(value: JsonValue | undefined): string | undefined {
  return value ? 'value.required' : undefined;
}

function validationResult(value: JsonValue | undefined): string | undefined {
  if (typeof value !== 'boolean') return 'validation.custom.invalid_return_type';
  return value ? undefined : 'validation.custom.failed';
}
