import {
  deepEqual,
  type FieldErrors,
  type FieldOp,
  fail,
  type JsonObject,
  type JsonValue,
  ProtocolError,
  parseKey,
  setMember,
  valueAtPath,
} from '@really/protocol';
import { hasAllRights } from '../authority.js';
import type { FieldRule, FieldRules, Rule, RuleDecision, RuleScope } from '../model.js';
import { refusedBy } from './rule-refusal.js';

export const noFieldRules: FieldRules = { read: [], create: [], update: [] };

/** Dotted paths of the fields that no user may write, whoever it is. */
export function forbiddenFields(rules: readonly FieldRule[]): ReadonlySet<string> {
  const forbidden = rules.filter(({ rule }) => rule.constant === false);
  return new Set(forbidden.map(({ path }) => path));
}

/** A field that a command writes, with its value before and after; `undefined`: none. */
export interface FieldWrite {
  readonly rule: FieldRule;
  readonly value: JsonValue | undefined;
  readonly was: JsonValue | undefined;
}

/** The fields with a rule that a create writes: those that its body has. `input`: in their stored form. */
export function createdFields(
  rules: readonly FieldRule[],
  body: JsonObject,
  input: JsonObject,
): FieldWrite[] {
  return rules.flatMap((rule) => {
    const sent = valueAtPath(body, rule.path);
    if (sent === undefined) return [];
    return [{ rule, value: valueAtPath(input, rule.path) ?? sent, was: undefined }];
  });
}

/**
 * The fields with a rule that an update writes: those that an operation names, or something inside of; and those in an
 * Object that is replaced, where their value changes.
 */
export function updatedFields(
  rules: readonly FieldRule[],
  ops: readonly FieldOp[],
  [before, after]: readonly [before: JsonObject, after: JsonObject],
): FieldWrite[] {
  if (rules.length === 0) return [];
  const keys = ops.map(({ key }) => parseKey(key) ?? []);
  return rules.flatMap((rule) => {
    const path = rule.path.split('.');
    const related = keys.filter((key) => {
      return path.every((step, index) => index >= key.length || key[index] === step);
    });
    const value = valueAtPath(after, rule.path);
    const was = valueAtPath(before, rule.path);
    const isNamed = related.some((key) => key.length >= path.length);
    const isWritten = isNamed || (related.length > 0 && !deepEqual(value, was));
    return isWritten ? [{ rule, value, was }] : [];
  });
}

/**
 * Throws 403 with `field.forbidden` under every field that this user may not write, 500 if a rule was stopped, and 429
 * if one did not run.
 */
export async function demandFields(writes: readonly FieldWrite[], scope: RuleScope): Promise<void> {
  if (hasAllRights(scope.auth)) return;
  const errors: FieldErrors = {};
  const refusing: Rule[] = [];
  for (const { rule, value, was } of writes) {
    const decision = await rule.rule.decide({ ...scope, value, was });
    const error = failureOf(decision);
    if (error) throw error;
    if (decision !== 'refused') continue;
    setMember(errors, rule.path, ['field.forbidden']);
    refusing.push(rule.rule);
  }
  if (refusing.length > 0) throw refusedBy(refusing, 'forbidden', errors);
}

/**
 * The top-level fields that the rules hide from a reader, or the error where one could not be evaluated. Synchronous if
 * all rules can be; never rejects.
 */
export function fieldsHiddenBy(
  rules: readonly FieldRule[],
  scope: RuleScope,
  data: JsonObject,
): readonly string[] | ProtocolError | Promise<readonly string[] | ProtocolError> {
  const decisions = rules.map(({ path, rule }) =>
    rule.decide({ ...scope, value: valueAtPath(data, path) }),
  );
  const hidden = (all: readonly RuleDecision[]) =>
    all.map(failureOf).find((error) => error !== undefined) ??
    rules.filter((_, index) => all[index] === 'refused').map(({ path }) => path);
  return decisions.some((decision) => decision instanceof Promise)
    ? Promise.all(decisions).then(hidden)
    : hidden(decisions as RuleDecision[]);
}

function failureOf(decision: RuleDecision): ProtocolError | undefined {
  if (decision instanceof ProtocolError) return decision;
  return decision === 'stopped' ? fail('internal.server.error') : undefined;
}
