import { type Auth, type ProtocolError, type RqlExpression, topField } from '@really/protocol';
import { hasAllRights } from '../model/authority.js';
import type { LookupScope } from '../model/lookups/find-lookups.js';
import type { LookupFinder } from '../model/lookups/lookup.js';
import type { Model, Rule } from '../model/model.js';
import { ruleToRql, withMistyped } from '../model/rules/rule-to-rql.js';
import { mayHide, viewMany, visibleBody } from '../model/view/view.js';
import type { StoredFieldType } from '../store/collection-layout.js';
import type { Store } from '../store/store.js';
import type { StoredObject } from '../store/stored-object.js';
import type { Candidates } from './lookup-candidates.js';

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
  /** Set if only objects right below these can be visible. */
  readonly below?: readonly string[] | undefined;
  /** `rule` and `isExact` hold only if no object has a mistyped value in these fields. */
  readonly assumes: readonly StoredFieldType[];
  /** True if fields of the query may be hidden: the store must not filter or sort by them. */
  readonly mayHideFields: boolean;
  /** True if the reader may see all of every object, so that none has to be authorized. */
  readonly isWhole: boolean;
}

/** What of a reader's rights holds for a whole collection. */
export interface FoundRights {
  /** The objects that lookups find, as far as they are the same for all of the collection. */
  readonly scope: LookupScope;
  /** Set if the read rule, which no filter expresses, could be decided for all of it. */
  readonly isAllowed: boolean | undefined;
  /** Set if neither, but few objects can be visible. */
  readonly candidates: Candidates | undefined;
  /** Whether it could be decided that no field of the query is hidden from the reader, by lookups. */
  readonly showsFields: boolean;
}

export const nothingFound: FoundRights = {
  ...{ scope: {}, isAllowed: undefined, candidates: undefined, showsFields: false },
};

/** The scope of a reader; `fields`: the paths that the query filters and sorts by. */
export function accessScopeOf(
  model: Model,
  auth: Auth,
  fields: readonly string[],
  found: FoundRights = nothingFound,
): AccessScope {
  const mayHideFields = !found.showsFields && mayHideFrom(model, auth, fields);
  const pushdown = ruleToRql(model, auth, found.scope);
  const { isAllowed, candidates } = found;
  const scope = {
    isEmpty: pushdown?.kind === 'nothing',
    rule: pushdown?.kind === 'filter' ? pushdown.filter : undefined,
    isExact: pushdown !== undefined && !mayHideFields,
    assumes: pushdown?.kind === 'filter' ? pushdown.assumes : [],
    mayHideFields,
    isWhole: (pushdown?.kind === 'everything' || isAllowed === true) && !mayHide(model),
  };
  if (isAllowed !== undefined) {
    return { ...scope, isEmpty: !isAllowed, isExact: !isAllowed || !mayHideFields };
  }
  return candidates ? narrowedScope(scope, candidates) : scope;
}

/** The scope of a rule that no filter expresses, narrowed to the objects that it can allow. */
function narrowedScope(scope: AccessScope, { kind, rs, others }: Candidates): AccessScope {
  const rest = others.kind === 'filter' ? others : undefined;
  const known: RqlExpression | undefined =
    kind === 'objects'
      ? { kind: 'comparison', field: ['_r'], operator: 'in', value: [...rs] }
      : undefined;
  return {
    ...scope,
    isEmpty: rs.length === 0 && rest === undefined,
    rule: known && rest ? { kind: 'or', left: rest.filter, right: known } : known,
    assumes: rest?.assumes ?? [],
    below: kind === 'parents' ? rs : undefined,
  };
}

/** A rule that reads nothing but `auth` says at once whether this reader sees the field of every object. */
function mayHideFrom(model: Model, auth: Auth, fields: readonly string[]): boolean {
  if (hasAllRights(auth)) return false;
  if (model.hooks.preGet !== undefined) return true;
  return fieldRulesOf(model, fields).some((rule) => {
    const readsOnlyAuth = rule.isCollectionWide && !rule.lookups?.length;
    return !readsOnlyAuth || rule.decide({ auth, r: '' }) !== 'allowed';
  });
}

/** The rules of reading these fields (paths). */
export function fieldRulesOf({ fieldRules }: Model, fields: readonly string[]): Rule[] {
  const tops = fields.map(topField);
  return fieldRules.read.flatMap(({ path, rule }) => (tops.includes(path) ? [rule] : []));
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

/** Authorized together: enough to share a call of the sandbox, few enough to stop in time. */
export const authorizedTogether = 32;

/** The visible objects, in order. Throws if a hook failed; the command then answers 500. */
export async function visibleObjects(
  model: Model,
  objects: readonly StoredObject[],
  auth: Auth,
  finder?: LookupFinder,
): Promise<VisibleObject[]> {
  const views = await viewMany(model, objects, auth, finder);
  const visible: VisibleObject[] = [];
  for (const [index, view] of views.entries()) {
    const object = objects[index];
    if (!object) continue;
    if (view.kind === 'visible') visible.push({ object, hidden: view.hidden });
    else assertAuthorizable(view.error);
  }
  return visible;
}

/** Throws if a script of the model failed, or could not look objects up, so that visibility is unknown (rule HOK8). */
export function assertAuthorizable(refusal: ProtocolError): void {
  const { message } = refusal;
  if (message === 'internal.server.error' || message === 'server.unavailable') throw refusal;
}

/** The object without its hidden fields. */
export function asVisible({ object, hidden }: VisibleObject): StoredObject {
  if (hidden.length === 0) return object;
  const { _r, _rev, ...data } = visibleBody(object, undefined, hidden);
  return { ...object, data };
}
