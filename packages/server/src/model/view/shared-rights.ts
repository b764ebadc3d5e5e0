import type { Auth } from '@really/protocol';
import { type LookupScope, lookupScope } from '../lookups/find-lookups.js';
import type { LookupFinder, LookupUse } from '../lookups/lookup.js';
import type { Model, Rule } from '../model.js';
import { ruleToRql } from '../rules/rule-to-rql.js';
import { groupKeyOf, pushLookups } from './view.js';

/** What the rights of a reader below one parent amount to, where they depend on other objects. */
export interface SharedRights {
  /** Equal for readers who see and receive the same, whoever they are. */
  readonly key: string;
  /** Finds what was found for this reader, which serves for all with the same key. */
  readonly finder: LookupFinder;
}

/**
 * The rights for pushes of objects at or below an R, if they are the same for a whole collection and can be known at
 * once (rule LKP5). `undefined`: they have to be decided for each reader.
 */
export function sharedRights(model: Model, auth: Auth, r: string): SharedRights | undefined {
  const { access, fieldRules, hooks, readLookups } = model;
  const uses = pushLookups(model);
  if (uses.some(({ lookup }) => lookup.reach !== 'collection') || r.includes('/*/'))
    return undefined;
  const known = lookupScope(uses, { auth, r, obj: undefined }, { read: readLookups });
  if (known instanceof Promise) {
    // They are not in memory; whoever needs them reads them again.
    known.catch(() => {});
    return undefined;
  }
  const rules = [access.read, access.subscribe, ...fieldRules.read.map(({ rule }) => rule)];
  const parts = rules.map((rule) => ruleKey(model, rule, { auth, known }));
  const { preGet } = hooks;
  if (preGet)
    parts.push(`${groupKeyOf(preGet.reads, auth)} ${valuesOf(preGet.lookups ?? [], known)}`);
  return { key: JSON.stringify(parts), finder: { read: readLookups, known } };
}

/** The filter that a rule amounts to or, where there is none, all that it reads besides the object. */
function ruleKey(
  model: Model,
  rule: Rule,
  { auth, known }: { readonly auth: Auth; readonly known: LookupScope },
): string {
  const pushdown = ruleToRql(model, auth, known, rule);
  if (pushdown !== undefined) return JSON.stringify(pushdown);
  return `${groupKeyOf(rule.ownReads ?? rule.reads, auth)} ${valuesOf(rule.lookups ?? [], known)}`;
}

/** What scripts read of the objects found. */
function valuesOf(uses: readonly LookupUse[], known: LookupScope): string {
  const values = uses.map(({ lookup, members }) => {
    const [name = '', collection] = lookup.name.split('.');
    const scoped = known[name];
    const value = collection === undefined ? scoped : memberOf(scoped, collection);
    if (value === null || value === undefined || members === 'all') return value ?? null;
    return [...members].sort().map((member) => memberOf(value, member) ?? null);
  });
  return JSON.stringify(values);
}

function memberOf(value: LookupScope[string] | undefined, name: string) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return Object.hasOwn(value, name) ? value[name] : undefined;
}
