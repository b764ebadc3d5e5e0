import type { JsonObject, JsonValue } from '@really/protocol';
import type { HookRequest } from '../hooks.js';
import { lookupScope } from '../lookups/find-lookups.js';
import type { LookupFinder } from '../lookups/lookup.js';
import type { Model, Script, ScriptResult } from '../model.js';
import { nowKey, ownerKey, type ScriptScope } from '../script/expression.js';
import { refusalError, scriptError } from '../script/failure-log.js';
import type { PendingCheck } from './check-types.js';
import type { ValidationErrors } from './validation-errors.js';

/** Reports a failure, and stops the command if the script was stopped or did not run, because its result is unknown. */
export function reportFailure(
  model: Model,
  script: Script,
  result: Exclude<ScriptResult, { kind: 'returned' }>,
): void {
  // The script's own decision is no failure.
  if (result.kind === 'cancelled') return;
  if (result.kind === 'refused') throw refusalError(result);
  model.onScriptFailure(script.where, result);
  if (result.kind === 'stopped') throw scriptError(script.where, result);
}

export interface ValidationContext {
  readonly owner?: string | undefined;
  /** For lookups; without it, they find nothing. */
  readonly request?: (HookRequest & { readonly finder: LookupFinder }) | undefined;
}

/** What checks see besides the value. */
interface CheckContext extends ValidationContext {
  /** For `now()`. */
  readonly now?: string | undefined;
  /** The object as it would be: the templates of lookups are filled in with it. */
  readonly obj?: JsonObject | undefined;
}

/** Runs the checks that the types left, all at once, and adds problems to `errors`. */
export async function runChecks(
  model: Model,
  checks: readonly PendingCheck[],
  errors: ValidationErrors,
  context: CheckContext = {},
): Promise<void> {
  const runs = checks.map((check) => runCheck(check, context));
  const results = runs.some((run) => run instanceof Promise) ? await Promise.all(runs) : runs;
  for (const [index, check] of checks.entries()) {
    const code = errorOf(model, check, results[index] as ScriptResult);
    if (code !== undefined) errors.add(check.path, code);
  }
}

function runCheck(
  check: PendingCheck,
  context: CheckContext,
): ScriptResult | Promise<ScriptResult> {
  const { script } = check;
  const { request, obj } = context;
  const own = scopeOf(check, context);
  if (!script.lookups?.length || !request) return script.run(own);
  const { auth, r, finder } = request;
  const found = lookupScope(script.lookups, { auth, r, obj }, finder);
  // The value under its own name hides a lookup.
  if (!(found instanceof Promise)) return script.run({ ...found, ...own });
  return found.then((late) => script.run({ ...late, ...own }));
}

function scopeOf({ name, value }: PendingCheck, { now, owner }: CheckContext): ScriptScope {
  const scope: Record<string, JsonValue | undefined> = { value };
  if (name !== '') scope[name] = value;
  if (now !== undefined) scope[nowKey] = now;
  if (owner !== undefined) scope[ownerKey] = owner;
  return scope;
}

/** The error that the result means, if any. */
function errorOf(
  model: Model,
  { kind, script }: PendingCheck,
  result: ScriptResult,
): string | undefined {
  if (result.kind !== 'returned') {
    reportFailure(model, script, result);
    return 'validation.custom.runtime_error';
  }
  const { value } = result;
  if (kind === 'required') return value ? 'value.required' : undefined;
  if (typeof value !== 'boolean') return 'validation.custom.invalid_return_type';
  return value ? undefined : 'validation.custom.failed';
}
