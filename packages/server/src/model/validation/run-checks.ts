import type { JsonValue } from '@really/protocol';
import type { Model, Script, ScriptFailure, ScriptResult } from '../model.js';
import { askerKey, nowKey, type ScriptScope } from '../script/expression.js';
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

/** Runs the checks that the types left, all at once, and adds problems to `errors`. */
export async function runChecks(
  model: Model,
  checks: readonly PendingCheck[],
  errors: ValidationErrors,
  { now, asker }: { readonly now?: string; readonly asker?: string | undefined } = {},
): Promise<void> {
  const runs: (ScriptResult | Promise<ScriptResult>)[] = [];
  for (const check of checks) runs.push(check.script.run(scopeOf(check, now, asker)));
  const results = runs.some((run) => run instanceof Promise) ? await Promise.all(runs) : runs;
  for (const [index, check] of checks.entries()) {
    const code = resultOf(model, check, results[index] as ScriptResult);
    if (code !== undefined) errors.add(check.path, code);
  }
}

function scopeOf(
  { name, value }: PendingCheck,
  now: string | undefined,
  asker: string | undefined,
): ScriptScope {
  const scope: Record<string, JsonValue | undefined> = { value };
  if (name !== '') scope[name] = value;
  if (now !== undefined) scope[nowKey] = now;
  if (asker !== undefined) scope[askerKey] = asker;
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
