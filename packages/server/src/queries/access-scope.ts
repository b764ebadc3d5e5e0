import type { Auth, ProtocolError, RqlExpression } from '@really/protocol';
import type { Model } from '../model/model.js';
import { ruleToRql, withMistyped } from '../model/rules/rule-to-rql.js';
import { viewMany, visibleBody } from '../model/view/view.js';
import type { Store, StoredFieldType, StoredObject } from '../store/store.js';

/** A visible object, and the fields hidden from its reader. */
export interface VisibleObject {
  readonly object: StoredObject;
  readonly hidden: readonly string[];
}

/** The part of a reader's rights that the store can evaluate. */
export interface AccessScope {
  /** True if the reader may see nothing. */
  readonly isEmpty: boolean;
  /** The read rule for this reader as a filter, if it can be one. */
  readonly rule: RqlExpression | undefined;
  /** True if the store finds with `rule` exactly the visible objects, with no fields hidden. */
  readonly isExact: boolean;
  /** `rule` and `isExact` hold only if no object has a mistyped value in these fields. */
  readonly assumes: readonly StoredFieldType[];
  /** True if pre-get may hide fields: the store must not filter or sort by them. */
  readonly mayHideFields: boolean;
}

export function accessScopeOf(model: Model, auth: Auth): AccessScope {
  const mayHideFields = model.hooks.preGet !== undefined;
  const pushdown = ruleToRql(model, auth);
  return {
    isEmpty: pushdown?.kind === 'nothing',
    rule: pushdown?.kind === 'filter' ? pushdown.filter : undefined,
    isExact: pushdown !== undefined && !mayHideFields,
    assumes: pushdown?.kind === 'filter' ? pushdown.assumes : [],
    mayHideFields,
  };
}

/** By store, the models without stored values that are mistyped for their rule. */
const wellTyped = new WeakMap<object, WeakSet<Model>>();

/**
 * Adjusts the scope to stored values of other types, from an older version of the model or an
 * import. A filter cannot say what a rule makes of those, so the rule is then evaluated for each
 * object.
 */
export async function accessScopeIn(
  scope: AccessScope,
  model: Model,
  store: Pick<Store, 'mistyped' | 'isSoleWriter'>,
): Promise<AccessScope> {
  const { rule, assumes } = scope;
  if (rule === undefined || assumes.length === 0) return scope;
  if (!(await hasMistyped(model, store))) return { ...scope, assumes: [] };
  return { ...scope, rule: withMistyped(rule, assumes), isExact: false, assumes: [] };
}

async function hasMistyped(
  model: Model,
  store: Pick<Store, 'mistyped' | 'isSoleWriter'>,
): Promise<boolean> {
  if (wellTyped.get(store)?.has(model)) return false;
  const { names, layout } = model;
  if (await store.mistyped(names, layout.types ?? [])) return true;
  // New writes have the types of the model, and there is no other writer.
  if (store.isSoleWriter) wellTyped.set(store, (wellTyped.get(store) ?? new WeakSet()).add(model));
  return false;
}

/**
 * Objects authorized together: enough to share a call of the sandbox, few enough to stop in time.
 */
export const authorizedTogether = 32;

/** The visible objects, in order. Throws if a hook failed; the command then answers 500. */
export async function visibleObjects(
  model: Model,
  objects: readonly StoredObject[],
  auth: Auth,
): Promise<VisibleObject[]> {
  const views = await viewMany(model, objects, auth);
  const visible: VisibleObject[] = [];
  for (const [index, view] of views.entries()) {
    const object = objects[index];
    if (!object) continue;
    if (view.kind === 'visible') visible.push({ object, hidden: view.hidden });
    else assertAuthorizable(view.error);
  }
  return visible;
}

/** Throws if a script of the model failed, so that visibility is unknown (rule HOK8). */
export function assertAuthorizable(refusal: ProtocolError): void {
  if (refusal.message === 'internal.server.error') throw refusal;
}

/** The object without its hidden fields. */
export function asVisible({ object, hidden }: VisibleObject): StoredObject {
  if (hidden.length === 0) return object;
  const { _r, _rev, ...data } = visibleBody(object, undefined, hidden);
  return { ...object, data };
}
