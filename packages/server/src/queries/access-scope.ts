import type { Auth, ProtocolError, RqlExpression } from '@really/protocol';
import type { Model } from '../model/model.js';
import { ruleToRql, withMistyped } from '../model/rules/rule-to-rql.js';
import { viewMany, visibleBody } from '../model/view/view.js';
import type { Store, StoredFieldType, StoredObject } from '../store/store.js';

/** An object that a reader may see, and the fields of it that the reader may not. */
export interface VisibleObject {
  readonly object: StoredObject;
  readonly hidden: readonly string[];
}

/** How much of a reader's view of a collection the store can find by itself. */
export interface AccessScope {
  /** True where the reader sees nothing at all. */
  readonly isEmpty: boolean;
  /** What the read rule comes to for this reader, where a filter says it. */
  readonly rule: RqlExpression | undefined;
  /** True where the store, with `rule`, finds just the objects that the reader may see, and these whole. */
  readonly isExact: boolean;
  /** The two above say so only where no object has a value of another type in these fields. */
  readonly assumes: readonly StoredFieldType[];
  /** True where pre-get may hide fields: no filter or sort of the store's may look at them. */
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

/** Models, by store, of whose objects none has a value of another type than its rule expects. */
const wellTyped = new WeakMap<object, WeakSet<Model>>();

/**
 * The reach where values of other types may be stored: by an older version of the model, or by an import. What a rule
 * makes of those only the rule itself can say, so that it is asked for each object then.
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
  // Whatever is written from here on is of the types of the model: nobody else writes.
  if (store.isSoleWriter) wellTyped.set(store, (wellTyped.get(store) ?? new WeakSet()).add(model));
  return false;
}

/** Objects that are judged in one go: enough to share the way to the sandbox, few enough to stop in time. */
export const authorizedTogether = 32;

/** Those of the objects that this reader may see, in their order. Throws where a hook failed: the command answers 500 then. */
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

/** Throws where nobody knows whether the reader may see it, because a script of the model failed (rule HOK8). */
export function assertAuthorizable(refusal: ProtocolError): void {
  if (refusal.message === 'internal.server.error') throw refusal;
}

/** The object as its reader sees it: what is hidden is missing. */
export function asVisible({ object, hidden }: VisibleObject): StoredObject {
  if (hidden.length === 0) return object;
  const { _r, _rev, ...data } = visibleBody(object, undefined, hidden);
  return { ...object, data };
}
