import { type Auth, type JsonObject, type JsonValue, ProtocolError } from '@really/protocol';
import { askAlike, askerOf } from './asker.js';
import type { Model, Script, ScriptResult } from './model.js';
import { askerKey } from './script/expression.js';
import { refusalError, scriptError } from './script/failure-log.js';

/** `input`: the object as it would be. Throws the error of `cancel`, a 500 if the hook failed, or a 429 if it did not run. */
export async function runOnValidate(model: Model, input: JsonObject, auth: Auth): Promise<void> {
  const hook = model.hooks.onValidate;
  if (hook !== undefined) await run(model, hook, { input, ...asking(auth) });
}

export interface PreUpdateScope {
  readonly before: JsonObject;
  readonly after: JsonObject;
  /** The changing top-level fields. */
  readonly fields: readonly string[];
  readonly auth: Auth;
}

/** Throws as `runOnValidate`. */
export async function runPreUpdate(model: Model, scope: PreUpdateScope): Promise<void> {
  const hook = model.hooks.preUpdate;
  if (hook === undefined) return;
  const { before, after, fields, auth } = scope;
  await run(model, hook, { before, after, fields: [...fields], ...asking(auth) });
}

/** Throws as `runOnValidate`. */
export async function runPreDelete(
  model: Model,
  { obj, auth }: { readonly obj: JsonObject; readonly auth: Auth },
): Promise<void> {
  const hook = model.hooks.preDelete;
  if (hook !== undefined) await run(model, hook, { obj, auth: plainAuth(auth) });
}

/** For a hook whose arguments come from the requester. */
function asking(auth: Auth) {
  return { auth: plainAuth(auth), [askerKey]: askerOf(auth) };
}

async function run(
  model: Model,
  hook: Script,
  scope: Record<string, JsonValue | undefined>,
): Promise<void> {
  const error = hookError(model, hook, await hook.run(scope));
  if (error !== undefined) throw error;
}

/** The error of a command after this hook; `undefined` if the hook did not object. */
export function hookError(
  model: Model,
  hook: Script,
  result: ScriptResult,
): ProtocolError | undefined {
  switch (result.kind) {
    case 'returned':
      return undefined;
    case 'cancelled':
      return new ProtocolError({ code: result.code, message: result.message });
    case 'threw':
    case 'stopped':
      model.onScriptFailure(hook.where, result);
      return scriptError(hook.where, result);
    case 'refused':
      return refusalError(result);
    default:
      return result satisfies never;
  }
}

const plain = new WeakMap<Auth, JsonObject>();

/** `auth` as scripts see it: plain data without missing members. */
export function plainAuth(auth: Auth): JsonObject {
  let object = plain.get(auth);
  if (object === undefined) {
    object = { uid: auth.uid };
    if (auth.authType !== undefined) object.authType = auth.authType;
    if (auth._r !== undefined) object._r = auth._r;
    if (auth.data !== undefined) object.data = auth.data;
    askAlike(object, auth);
    plain.set(auth, object);
  }
  return object;
}
