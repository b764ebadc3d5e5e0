import { fail, type JsonValue, ProtocolError } from '@really/protocol';
import { askerOf } from '../asker.js';
import { plainAuth } from '../hooks.js';
import type {
  Access,
  OnScriptFailure,
  Rule,
  RuleDecision,
  RuleScope,
  Script,
  ScriptResult,
} from '../model.js';
import { readsNothing } from '../script/auth-reads.js';
import { askerKey } from '../script/expression.js';
import { refusalError } from '../script/failure-log.js';

export const accessRights = ['create', 'read', 'update', 'delete', 'subscribe'] as const;
export type AccessRight = (typeof accessRights)[number];

/** A constant rule. */
export function constantRule(answer: boolean): Rule {
  const decision: RuleDecision = answer ? 'allowed' : 'refused';
  return {
    reads: readsNothing,
    readsOnlyAuth: true,
    decidesDeleted: true,
    constant: answer,
    allows: () => answer,
    decide: () => decision,
  };
}

const everything = constantRule(true);
const nothing = constantRule(false);

/** Access of a model without `access`: for trying things out, not for production. */
export function unspokenAccess(mode: 'development' | 'production'): Access {
  const rule = mode === 'development' ? everything : nothing;
  return { create: rule, read: rule, update: rule, delete: rule, subscribe: rule, hidden: false };
}

/** Missing rights are refused, except that `subscribe` defaults to `read`. */
export function spokenAccess(rules: Partial<Record<AccessRight, Rule>>, hidden: boolean): Access {
  const { create = nothing, read = nothing, update = nothing, subscribe = read } = rules;
  return { create, read, update, delete: rules.delete ?? nothing, subscribe, hidden };
}

/**
 * A rule from a script of the model: its result is converted to a boolean as in JavaScript, so that `auth._r` alone
 * means "has an object of its own".
 */
export function scriptRule(script: Script, onScriptFailure: OnScriptFailure): Rule {
  if (script.constant !== undefined) {
    return { ...constantRule(Boolean(script.constant.value)), tree: script.tree };
  }
  const decision = (result: ScriptResult): RuleDecision => {
    if (result.kind === 'returned') return result.value ? 'allowed' : 'refused';
    if (result.kind === 'refused') return refusalError(result);
    if (result.kind !== 'cancelled') onScriptFailure(script.where, result);
    return result.kind === 'stopped' ? 'stopped' : 'refused';
  };
  const judge = (scope: RuleScope): RuleDecision | Promise<RuleDecision> => {
    const result = script.run(scriptScope(scope));
    return result instanceof Promise ? result.then(decision) : decision(result);
  };
  const allows = (scope: RuleScope): boolean | Promise<boolean> => {
    const answer = judge(scope);
    return answer instanceof Promise ? answer.then(isAllowed) : isAllowed(answer);
  };
  const { reads, readsOnlyAuth, decidesDeleted, tree } = script;
  return { reads, readsOnlyAuth, decidesDeleted, constant: undefined, tree, allows, decide: judge };
}

function isAllowed(decision: RuleDecision): boolean {
  return decision === 'allowed';
}

/** As `demand`, before the object is known: throws only if the rule refuses this user whatever the object. */
export async function demandOfAnyObject(
  rule: Rule,
  scope: Pick<RuleScope, 'auth' | 'r'>,
): Promise<void> {
  if (rule.readsOnlyAuth) await demand(rule, scope);
}

function scriptScope({ auth, obj, input, r }: RuleScope): Record<string, JsonValue | undefined> {
  const scope = { auth: plainAuth(auth), obj, input, r };
  return input === undefined ? scope : { ...scope, [askerKey]: askerOf(auth) };
}

/**
 * For commands: throws `ProtocolError` 403 if the rule refuses, 500 if it was stopped, because its result is unknown,
 * and 429 if it did not run.
 */
export async function demand(rule: Rule, scope: RuleScope): Promise<void> {
  if (rule.constant === true) return;
  const decision = await rule.decide(scope);
  if (decision instanceof ProtocolError) throw decision;
  if (decision === 'stopped') throw fail('internal.server.error');
  if (decision === 'refused') throw fail('forbidden');
}
