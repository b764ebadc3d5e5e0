import {
  type Auth,
  fail,
  type JsonObject,
  ProtocolError,
  setMember,
  topField,
} from '@really/protocol';
import type { StoredObject } from '../../store/stored-object.js';
import { hasAllRights } from '../authority.js';
import { hookError, plainAuth } from '../hooks.js';
import { type LookupScope, lookupFailure, lookupScope } from '../lookups/find-lookups.js';
import type { LookupFinder, LookupUse } from '../lookups/lookup.js';
import { templateReads } from '../lookups/template-reads.js';
import type { AuthParts, Model, Rule, RuleDecision, Script, ScriptResult } from '../model.js';
import { fieldsHiddenBy } from '../rules/field-rules.js';
import { refusedBy } from '../rules/rule-refusal.js';
import { joinReads } from '../script/auth-reads.js';
import { scriptObject } from '../script-object.js';

/** The visible part of an object for a reader. */
export type View =
  | {
      readonly kind: 'visible';
      /** Top-level fields. A calculated field is hidden only if the hook names it, whatever it depends on. */
      readonly hidden: readonly string[];
    }
  | { readonly kind: 'refused'; readonly error: ProtocolError };

const allVisible: View = { kind: 'visible', hidden: [] };

/**
 * By the read rule, then rules of fields, then pre-get. Synchronous if they can be; never rejects.
 * `finder`: of their lookups, by default as committed.
 */
export function view(
  model: Model,
  object: StoredObject,
  auth: Auth,
  finder?: LookupFinder,
): View | Promise<View> {
  return hasAllRights(auth) ? allVisible : viewByRules(model, object, auth, finder);
}

/** As `view`, whatever rights the reader has besides those that the model gives. */
export function viewByRules(
  model: Model,
  object: StoredObject,
  auth: Auth,
  finder: LookupFinder = { read: model.readLookups },
): View | Promise<View> {
  return viewUnder(model, [model.access.read], object, { auth, finder });
}

/** As `view`, for a push: `subscribe` is needed besides `read`. */
export function pushView(
  model: Model,
  object: StoredObject,
  auth: Auth,
  finder: LookupFinder = { read: model.readLookups },
): View | Promise<View> {
  if (hasAllRights(auth)) return allVisible;
  const { read, subscribe } = model.access;
  const rules = read === subscribe ? [read] : [read, subscribe];
  return viewUnder(model, rules, object, { auth, finder });
}

/** The views of many objects for one reader. Calls of the sandbox are sent together. */
export function viewMany(
  model: Model,
  objects: readonly StoredObject[],
  auth: Auth,
  finder?: LookupFinder,
): View[] | Promise<View[]> {
  const views = objects.map((object) => view(model, object, auth, finder));
  return views.some((result) => result instanceof Promise) ? Promise.all(views) : (views as View[]);
}

interface Reader {
  readonly auth: Auth;
  readonly finder: LookupFinder;
}

function viewUnder(
  model: Model,
  rules: readonly Rule[],
  object: StoredObject,
  reader: Reader,
): View | Promise<View> {
  for (const [index, rule] of rules.entries()) {
    if (rule.constant === true) continue;
    const decision = rule.decide({ ...reader, obj: scriptObject(object), r: object.r });
    if (decision instanceof Promise) {
      const rest = rules.slice(index + 1);
      return decision.then(
        (late) => refusal(model, rule, late) ?? viewUnder(model, rest, object, reader),
      );
    }
    const refused = refusal(model, rule, decision);
    if (refused !== undefined) return refused;
  }
  return afterRules(model, object, reader);
}

/** What the rules of fields hide, and then what pre-get does. */
function afterRules(model: Model, object: StoredObject, reader: Reader): View | Promise<View> {
  const { read } = model.fieldRules;
  const { preGet } = model.hooks;
  const seen = preGet === undefined ? allVisible : afterPreGet(model, preGet, object, reader);
  if (read.length === 0) return seen;
  const scope = { ...reader, obj: scriptObject(object), r: object.r };
  const hidden = fieldsHiddenBy(read, scope, object.data);
  if (!(seen instanceof Promise) && !(hidden instanceof Promise)) return withHidden(seen, hidden);
  return Promise.all([seen, hidden]).then(([view, fields]) => withHidden(view, fields));
}

function withHidden(seen: View, hidden: readonly string[] | ProtocolError): View {
  if (seen.kind === 'refused') return seen;
  if (hidden instanceof ProtocolError) return refused(hidden);
  if (hidden.length === 0) return seen;
  return { kind: 'visible', hidden: [...new Set([...hidden, ...seen.hidden])] };
}

function refusal(model: Model, rule: Rule, decision: RuleDecision): View | undefined {
  if (decision === 'allowed') return undefined;
  if (decision instanceof ProtocolError) return refused(decision);
  if (decision === 'stopped') return refused(fail('internal.server.error'));
  return refused(refusedBy([rule], model.access.hidden ? 'object.missing' : 'forbidden'));
}

function refused(error: ProtocolError): View {
  return { kind: 'refused', error };
}

function afterPreGet(
  model: Model,
  hook: Script,
  object: StoredObject,
  { auth, finder }: Reader,
): View | Promise<View> {
  const obj = scriptObject(object);
  const run = (found: LookupScope) => {
    const result = hook.run({ ...found, obj, auth: plainAuth(auth) });
    return result instanceof Promise
      ? result.then((late) => throughView(model, hook, late))
      : throughView(model, hook, result);
  };
  const found = lookupScope(hook.lookups, { auth, r: object.r, obj }, finder);
  if (!(found instanceof Promise)) return run(found);
  return found.then(run, (error: unknown) => refused(lookupFailure(error)));
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

/** Which parts of `auth` the rights for a push depend on: read, subscribe, rules of fields and pre-get together. */
export function viewReads({ access, fieldRules, hooks }: Model): AuthParts {
  const { read, subscribe } = access;
  const rules = fieldRules.read.map(({ rule }) => rule.reads);
  const { preGet } = hooks;
  const hookReads = preGet ? [preGet.reads, templateReads(preGet.lookups ?? [])] : [];
  return joinReads([read.reads, subscribe.reads, ...rules, ...hookReads]);
}

/** What the rights for a push depend on in other objects, which may change at any time. */
export function pushLookups(model: Model): readonly LookupUse[] {
  const before = pushUses.get(model);
  if (before) return before;
  const { access, fieldRules, hooks } = model;
  const fields = fieldRules.read.map(({ rule }) => rule);
  const uses = [access.read, access.subscribe, ...fields, hooks.preGet].flatMap((script) => {
    return script?.lookups ?? [];
  });
  pushUses.set(model, uses);
  return uses;
}

const pushUses = new WeakMap<Model, readonly LookupUse[]>();

/** Whether any field, or any of these (paths), may be hidden from somebody. */
export function mayHide({ fieldRules, hooks }: Model, paths?: readonly string[]): boolean {
  if (hooks.preGet !== undefined) return paths === undefined || paths.length > 0;
  const tops = paths?.map(topField);
  return fieldRules.read.some(({ path }) => tops?.includes(path) ?? true);
}

/** Whether everybody may read and subscribe to everything. */
export function hidesNothing(model: Model): boolean {
  const { read, subscribe } = model.access;
  return read.constant === true && subscribe.constant === true && !mayHide(model);
}

const wholeKeys = new WeakMap<Auth, string>();

/** Equal for readers with the same values in these parts of `auth`. */
export function groupKeyOf(parts: AuthParts, auth: Auth): string {
  if (hasAllRights(auth)) return 'all rights';
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

export { scriptObject };
