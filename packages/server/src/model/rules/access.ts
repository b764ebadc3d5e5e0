import { type Auth, fail, ProtocolError } from '@really/protocol';
import { hasAllRights } from '../authority.js';
import { plainAuth } from '../hooks.js';
import { type LookupScope, lookupFailure, lookupScope } from '../lookups/find-lookups.js';
import { cannotRead, type LookupFinder, type ReadLookups } from '../lookups/lookup.js';
import { reachOf, templateReads } from '../lookups/template-reads.js';
import type {
  Access,
  OnScriptFailure,
  Rule,
  RuleDecision,
  RuleScope,
  Script,
  ScriptResult,
} from '../model.js';
import { joinReads, readsNothing } from '../script/auth-reads.js';
import { ownerKey } from '../script/expression.js';
import { refusalError } from '../script/failure-log.js';
import { scriptOwnerOf } from '../script-owner.js';
import { refusedBy } from './rule-refusal.js';

export const accessRights = [
  'create',
  'read',
  'update',
  'delete',
  'subscribe',
  'present',
  'send',
] as const;
export type AccessRight = (typeof accessRights)[number];

/** A constant rule. */
export function constantRule(answer: boolean): Rule {
  const decision: RuleDecision = answer ? 'allowed' : 'refused';
  return {
    reads: readsNothing,
    isCollectionWide: true,
    decidesDeleted: true,
    constant: answer,
    decide: () => decision,
  };
}

const nothing = constantRule(false);

/** Access of a model without `access`: for trying things out, not for production. */
export function unspokenAccess(mode: 'development' | 'production'): Access {
  const rule = constantRule(mode === 'development');
  return spokenAccess({ create: rule, read: rule, update: rule, delete: rule }, false);
}

/** Whether a right that `access` leaves out is refused; the others are as another right. */
export function isRefusedUnsaid(right: AccessRight): boolean {
  return right === 'create' || right === 'read' || right === 'update' || right === 'delete';
}

/**
 * Missing rights are refused, except that `subscribe` defaults to `read`, and `present` and `send` to `subscribe`.
 */
export function spokenAccess(rules: Partial<Record<AccessRight, Rule>>, hidden: boolean): Access {
  const { create = nothing, read = nothing, update = nothing, subscribe = read } = rules;
  const { present = subscribe, send = subscribe } = rules;
  const onObjects = { create, read, update, delete: rules.delete ?? nothing };
  return { ...onObjects, subscribe, present, send, hidden };
}

/**
 * A rule from a script of the model: its result is converted to a boolean as in JavaScript, so that `auth._r` alone
 * means "has an object of its own".
 */
export function scriptRule(
  script: Script,
  onScriptFailure: OnScriptFailure,
  readLookups: ReadLookups = cannotRead,
): Rule {
  if (script.constant !== undefined) {
    const { tree, source, constant } = script;
    return { ...constantRule(Boolean(constant.value)), tree, source };
  }
  const { tree, source, lookups = [] } = script;
  const committed: LookupFinder = { read: readLookups };
  const decision = (result: ScriptResult): RuleDecision => {
    if (result.kind === 'returned') return result.value ? 'allowed' : 'refused';
    if (result.kind === 'refused') return refusalError(result);
    if (result.kind !== 'cancelled') onScriptFailure(script.where, result);
    return result.kind === 'stopped' ? 'stopped' : 'refused';
  };
  const run = (
    { auth, obj, input, r, value, was }: RuleScope,
    found: LookupScope | undefined,
  ): RuleDecision | Promise<RuleDecision> => {
    const owner = input === undefined ? undefined : scriptOwnerOf(auth);
    const given = { auth: plainAuth(auth), obj, input, r, value, was, [ownerKey]: owner };
    const result = script.run({ ...given, ...found });
    return result instanceof Promise ? result.then(decision) : decision(result);
  };
  const decide = (scope: RuleScope): RuleDecision | Promise<RuleDecision> => {
    if (lookups.length === 0) return run(scope, undefined);
    const { auth, r, obj = scope.input, finder = committed } = scope;
    const found = lookupScope(lookups, { auth, r, obj }, finder);
    if (!(found instanceof Promise)) return run(scope, found);
    return found.then((late) => run(scope, late), lookupFailure);
  };
  const reach = reachOf(lookups);
  return {
    reads: joinReads([script.reads, templateReads(lookups)]),
    ownReads: script.reads,
    isCollectionWide: script.readsOnlyAuth === true && reach === 'collection',
    decidesDeleted: script.decidesDeleted === true && reach !== 'content',
    ...{ lookups, constant: undefined, tree, source, decide },
  };
}

/**
 * As `demand`, before the object is known: throws only if the rule refuses this user whatever the object. What lies
 * below several parents, as `/projects/*\/tasks/*` does, is decided for each object.
 */
export async function demandOfAnyObject(
  rule: Rule,
  scope: Pick<RuleScope, 'auth' | 'r' | 'finder'>,
): Promise<void> {
  const hasManyParents = scope.r.includes('/*/');
  if (rule.isCollectionWide && !(hasManyParents && rule.lookups?.length)) await demand(rule, scope);
}

/** Whether the user has the right without the rule being asked. */
export function isGranted(rule: Rule, auth: Auth): boolean {
  return rule.constant === true || hasAllRights(auth);
}

/**
 * For commands: throws `ProtocolError` 403 if the rule refuses, 500 if it was stopped, because its result is unknown,
 * and 429 if it did not run. Asks no rule where the user has all rights.
 */
export async function demand(rule: Rule, scope: RuleScope): Promise<void> {
  if (isGranted(rule, scope.auth)) return;
  const decided = rule.decide(scope);
  const decision = decided instanceof Promise ? await decided : decided;
  if (decision instanceof ProtocolError) throw decision;
  if (decision === 'stopped') throw fail('internal.server.error');
  if (decision === 'refused') throw refusedBy([rule]);
}
