import { type Auth, type JsonObject, ProtocolError } from '@really/protocol';
import { lookupScope } from './lookups/find-lookups.js';
import type { LookupFinder } from './lookups/lookup.js';
import type { Model, Script, ScriptResult } from './model.js';
import { ownerKey, type ScriptScope } from './script/expression.js';
import { refusalError, scriptError } from './script/failure-log.js';
import { scriptOwnerOf, setScriptOwner } from './script-owner.js';

/** Whom a hook runs for, and where its lookups are found. */
export interface HookRequest {
  readonly auth: Auth;
  /** Of the object. */
  readonly r: string;
  /** By default as committed. */
  readonly finder?: LookupFinder | undefined;
}

/** `input`: the object as it would be. Throws the error of `cancel`, a 500 if the hook failed, or a 429 if it did not run. */
export async function runOnValidate(
  model: Model,
  input: JsonObject,
  request: HookRequest,
): Promise<void> {
  const hook = model.hooks.onValidate;
  if (hook === undefined) return;
  await run(model, hook, input, { input, ...owned(request) }, request);
}

export interface PreUpdateScope {
  readonly before: JsonObject;
  readonly after: JsonObject;
  /** The changing top-level fields. */
  readonly fields: readonly string[];
}

/** Throws as `runOnValidate`. */
export async function runPreUpdate(
  model: Model,
  { before, after, fields }: PreUpdateScope,
  request: HookRequest,
): Promise<void> {
  const hook = model.hooks.preUpdate;
  if (hook === undefined) return;
  const scope = { before, after, fields: [...fields], ...owned(request) };
  await run(model, hook, before, scope, request);
}

/** Throws as `runOnValidate`. */
export async function runPreDelete(
  model: Model,
  obj: JsonObject,
  request: HookRequest,
): Promise<void> {
  const hook = model.hooks.preDelete;
  if (hook === undefined) return;
  await run(model, hook, obj, { obj }, request);
}

/** For a hook whose arguments come from the requester. */
function owned({ auth }: HookRequest) {
  return { [ownerKey]: scriptOwnerOf(auth) };
}

/** `obj`: what its lookups are found for. */
async function run(
  model: Model,
  hook: Script,
  obj: JsonObject,
  scope: ScriptScope,
  { auth, r, finder = { read: model.readLookups } }: HookRequest,
): Promise<void> {
  const found = await lookupScope(hook.lookups, { auth, r, obj }, finder);
  const result = await hook.run({ ...found, ...scope, auth: plainAuth(auth) });
  const error = hookError(model, hook, result);
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
    if (auth.admin) object.admin = true;
    setScriptOwner(object, scriptOwnerOf(auth));
    plain.set(auth, object);
  }
  return object;
}
