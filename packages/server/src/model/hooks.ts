import { type Auth, type JsonObject, type JsonValue, ProtocolError } from '@really/protocol';
import { type LookupScope, lookupScope } from './lookups/find-lookups.js';
import type { LookupFinder } from './lookups/lookup.js';
import type { Model, Script, ScriptResult } from './model.js';
import { ownerKey } from './script/expression.js';
import { refusalError, scriptError } from './script/failure-log.js';
import { copyScriptOwner, scriptOwnerOf } from './script-owner.js';

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
  const found = await foundFor(model, hook, input, request);
  await run(model, hook, { ...found, input, ...ownInput(request.auth) });
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
  const found = await foundFor(model, hook, before, request);
  const scope = { ...found, before, after, fields: [...fields] };
  await run(model, hook, { ...scope, ...ownInput(request.auth) });
}

/** Throws as `runOnValidate`. */
export async function runPreDelete(
  model: Model,
  obj: JsonObject,
  request: HookRequest,
): Promise<void> {
  const hook = model.hooks.preDelete;
  if (hook === undefined) return;
  const found = await foundFor(model, hook, obj, request);
  await run(model, hook, { ...found, obj, auth: plainAuth(request.auth) });
}

function foundFor(
  model: Model,
  hook: Script,
  obj: JsonObject,
  { auth, r, finder = { read: model.readLookups } }: HookRequest,
): LookupScope | Promise<LookupScope> {
  return lookupScope(hook.lookups, { auth, r, obj }, finder);
}

/** For a hook whose arguments come from the requester. */
function ownInput(auth: Auth) {
  return { auth: plainAuth(auth), [ownerKey]: scriptOwnerOf(auth) };
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
    if (auth.admin) object.admin = true;
    copyScriptOwner(object, auth);
    plain.set(auth, object);
  }
  return object;
}
