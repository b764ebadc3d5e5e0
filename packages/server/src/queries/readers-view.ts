import type { Auth, ProtocolError, RqlExpression } from '@really/protocol';
import type { Model } from '../model/model.js';
import { ruleToRql, withMistyped } from '../model/rule-to-rql.js';
import { viewMany, visibleBody } from '../model/view.js';
import type { FieldType, Store, StoredObject } from '../store/store.js';

/** An object that a reader may see, and the fields of it that the reader may not. */
export interface Seen {
  readonly object: StoredObject;
  readonly hidden: readonly string[];
}

/** How much of a reader's view of a collection the store can find by itself. */
export interface Reach {
  /** True where the reader sees nothing at all. */
  readonly nothing: boolean;
  /** What the read rule comes to for this reader, where a filter says it. */
  readonly rule: RqlExpression | undefined;
  /** True where the store, with `rule`, finds just the objects that the reader may see, and these whole. */
  readonly exact: boolean;
  /** The two above say so only where no object has a value of another type in these fields. */
  readonly assumes: readonly FieldType[];
  /** True where pre-get may hide fields: no filter or sort of the store's may look at them. */
  readonly hides: boolean;
}

export function reachOf(model: Model, auth: Auth): Reach {
  const hides = model.hooks.preGet !== undefined;
  const pushdown = ruleToRql(model, auth);
  return {
    nothing: pushdown?.kind === 'nothing',
    rule: pushdown?.kind === 'filter' ? pushdown.filter : undefined,
    exact: pushdown !== undefined && !hides,
    assumes: pushdown?.kind === 'filter' ? pushdown.assumes : [],
    hides,
  };
}

/** Models, by store, of whose objects none has a value of another type than its rule expects. */
const wellTyped = new WeakMap<object, WeakSet<Model>>();

/**
 * The reach where values of other types may be stored: by an older version of the model, or by an import. What a rule
 * makes of those only the rule itself can say, so that it is asked for each object then.
 */
export async function reachAmong(
  reach: Reach,
  model: Model,
  store: Pick<Store, 'mistyped' | 'exclusive'>,
): Promise<Reach> {
  const { rule, assumes } = reach;
  if (rule === undefined || assumes.length === 0) return reach;
  if (!(await hasMistyped(model, store))) return { ...reach, assumes: [] };
  return { ...reach, rule: withMistyped(rule, assumes), exact: false, assumes: [] };
}

async function hasMistyped(
  model: Model,
  store: Pick<Store, 'mistyped' | 'exclusive'>,
): Promise<boolean> {
  if (wellTyped.get(store)?.has(model)) return false;
  const { names, layout } = model;
  if (await store.mistyped(names, layout.types ?? [])) return true;
  // Whatever is written from here on is of the types of the model: nobody else writes.
  if (store.exclusive) wellTyped.set(store, (wellTyped.get(store) ?? new WeakSet()).add(model));
  return false;
}

/** Objects that are judged in one go: enough to share the way to the sandbox, few enough to stop in time. */
export const judgedTogether = 32;

/** Those of the objects that this reader may see, in their order. Throws where a hook failed: the command answers 500 then. */
export async function seenBy(
  model: Model,
  objects: readonly StoredObject[],
  auth: Auth,
): Promise<Seen[]> {
  const views = await viewMany(model, objects, auth);
  const seen: Seen[] = [];
  for (const [index, one] of views.entries()) {
    const object = objects[index];
    if (!object) continue;
    if (one.kind === 'visible') seen.push({ object, hidden: one.hidden });
    else assertJudged(one.error);
  }
  return seen;
}

/** Throws where nobody knows whether the reader may see it, because a script of the model failed (rule HOK8). */
export function assertJudged(refusal: ProtocolError): void {
  if (refusal.message === 'internal.server.error') throw refusal;
}

/** The object as its reader sees it: what is hidden is missing. */
export function asSeen({ object, hidden }: Seen): StoredObject {
  if (hidden.length === 0) return object;
  const { _r, _rev, ...data } = visibleBody(object, undefined, hidden);
  return { ...object, data };
}
