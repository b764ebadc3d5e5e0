import { type Auth, fail, type JsonObject, ProtocolError, setMember } from '@really/protocol';
import type { StoredObject } from '../../store/store.js';
import { hookError, plainAuth } from '../hooks.js';
import type { AuthParts, Model, Rule, RuleDecision, Script, ScriptResult } from '../model.js';
import { joinReads, readsNothing } from '../script/auth-reads.js';

/** The visible part of an object for a reader. */
export type View =
  | {
      readonly kind: 'visible';
      /** Top-level fields. A calculated field is hidden only if the hook names it, whatever it depends on. */
      readonly hidden: readonly string[];
    }
  | { readonly kind: 'refused'; readonly error: ProtocolError };

const allVisible: View = { kind: 'visible', hidden: [] };

/** The read rule, then pre-get. Synchronous if both can be; never rejects. */
export function view(model: Model, object: StoredObject, auth: Auth): View | Promise<View> {
  return judged(model, [model.access.read], object, auth);
}

/** As `view`, for a push: `subscribe` is needed besides `read`. */
export function pushView(model: Model, object: StoredObject, auth: Auth): View | Promise<View> {
  const { read, subscribe } = model.access;
  return judged(model, read === subscribe ? [read] : [read, subscribe], object, auth);
}

/** The views of many objects for one reader. Calls of the sandbox are sent together. */
export function viewMany(
  model: Model,
  objects: readonly StoredObject[],
  auth: Auth,
): View[] | Promise<View[]> {
  const views = objects.map((object) => view(model, object, auth));
  return views.some((result) => result instanceof Promise) ? Promise.all(views) : (views as View[]);
}

function judged(
  model: Model,
  rules: readonly Rule[],
  object: StoredObject,
  auth: Auth,
): View | Promise<View> {
  for (const [index, rule] of rules.entries()) {
    if (rule.constant === true) continue;
    const decision = rule.decide({ auth, obj: scriptObject(object), r: object.r });
    if (decision instanceof Promise) {
      const rest = rules.slice(index + 1);
      return decision.then((late) => refusal(model, late) ?? judged(model, rest, object, auth));
    }
    const refused = refusal(model, decision);
    if (refused !== undefined) return refused;
  }
  const { preGet } = model.hooks;
  return preGet === undefined ? allVisible : afterPreGet(model, preGet, object, auth);
}

function refusal(model: Model, decision: RuleDecision): View | undefined {
  if (decision === 'allowed') return undefined;
  if (decision instanceof ProtocolError) return refused(decision);
  if (decision === 'stopped') return refused(fail('internal.server.error'));
  return refused(fail(model.access.hidden ? 'object.missing' : 'forbidden'));
}

function refused(error: ProtocolError): View {
  return { kind: 'refused', error };
}

function afterPreGet(
  model: Model,
  hook: Script,
  object: StoredObject,
  auth: Auth,
): View | Promise<View> {
  const result = hook.run({ obj: scriptObject(object), auth: plainAuth(auth) });
  return result instanceof Promise
    ? result.then((late) => throughView(model, hook, late))
    : throughView(model, hook, result);
}

function throughView(model: Model, hook: Script, result: ScriptResult): View {
  if (result.kind !== 'returned') {
    return refused(hookError(model, hook, result) ?? fail('forbidden'));
  }
  const hidden = hiddenFields(model, result.hidden);
  return hidden.length === 0 ? allVisible : { kind: 'visible', hidden };
}

/** A hook that names a part of a field hides all of it, rather than too little. */
function hiddenFields(model: Model, named: readonly string[]): string[] {
  const hidden = new Set<string>();
  for (const path of named) {
    const name = path.split(/[.[]/, 1)[0] ?? '';
    if (model.fields.has(name)) hidden.add(name);
  }
  return [...hidden];
}

const scriptObjects = new WeakMap<StoredObject, JsonObject>();

/** `obj` as rules and hooks see it: the stored data with `_r` and `_rev`. */
export function scriptObject(object: StoredObject): JsonObject {
  let plain = scriptObjects.get(object);
  if (plain === undefined) {
    plain = { ...object.data, _r: object.r, _rev: object.rev };
    scriptObjects.set(object, plain);
  }
  return plain;
}

/** Which parts of `auth` the rights for a push depend on: read, subscribe and pre-get together. */
export function viewReads(model: Model): AuthParts {
  const { read, subscribe } = model.access;
  return joinReads([read.reads, subscribe.reads, model.hooks.preGet?.reads ?? readsNothing]);
}

/** Whether everybody may read and subscribe to everything. */
export function hidesNothing({ access, hooks }: Model): boolean {
  const { read, subscribe } = access;
  return read.constant === true && subscribe.constant === true && hooks.preGet === undefined;
}

const wholeKeys = new WeakMap<Auth, string>();

/** Equal for readers with the same values in these parts of `auth`. */
export function groupKeyOf(parts: AuthParts, auth: Auth): string {
  if (!parts.all) {
    if (!parts.uid && !parts.r) return '';
    return JSON.stringify([parts.uid ? auth.uid : null, parts.r ? (auth._r ?? null) : null]);
  }
  let key = wholeKeys.get(auth);
  if (key === undefined) {
    key = JSON.stringify([auth.uid, auth._r ?? null, auth.authType ?? null, auth.data ?? null]);
    wholeKeys.set(auth, key);
  }
  return key;
}

/** The body of a response or push: `_r`, `_rev`, then the set and visible ones of these fields (all, if none are given). */
export function visibleBody(
  object: StoredObject,
  fields: readonly string[] | undefined,
  hidden: readonly string[],
): JsonObject {
  const body: JsonObject = { _r: object.r, _rev: object.rev };
  if (object.deleted) body._deleted = true;
  for (const name of fields ?? Object.keys(object.data)) {
    if (hidden.includes(name) || !Object.hasOwn(object.data, name)) continue;
    setMember(body, name, object.data[name] ?? null);
  }
  return body;
}

export { type ResolvedFields, resolveFields } from '../field-sets.js';
