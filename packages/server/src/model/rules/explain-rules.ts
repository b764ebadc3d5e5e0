import type { Expression } from 'acorn';
import type { Lookup } from '../lookups/lookup.js';
import { isFoundByIndex } from '../lookups/lookup-search.js';
import { lookupReads, scopeName } from '../lookups/lookup-uses.js';
import type { Model, Rule } from '../model.js';
import { mentions } from '../script/auth-reads.js';
import { compileExpression, includesCall } from '../script/expression.js';
import { unwrapped } from '../script/parse-script.js';
import { type AccessRight, accessRights } from './access.js';
import { mirrored } from './rule-comparison.js';
import { fieldReadBy, ruleToRql, typeOfField } from './rule-to-rql.js';

/**
 * When a part of a rule is evaluated: once for all objects of a collection, by the store, for each object for which its
 * lookups find anything, or for each object.
 */
export type RulePartCost = 'once' | 'query' | 'found' | 'object';

export interface RulePart {
  readonly text: string;
  readonly cost: RulePartCost;
  /** The lookups that it reads. */
  readonly lookups: readonly string[];
}

export interface ExplainedRule {
  readonly right: string;
  /** The path of a field, for a rule of it. */
  readonly field?: string | undefined;
  /** What `&&` and `||` join, in order. */
  readonly parts: readonly RulePart[];
}

/** How the rules of a model are evaluated (rule LKP7). For create, update and delete `query` counts as `object`. */
export function explainRules(model: Model): ExplainedRule[] {
  const ofObjects = accessRights
    .filter((right) => !isDefault(model, right))
    .map((right) => ({ right, parts: partsOf(model, model.access[right]) }));
  const ofFields = (['read', 'create', 'update'] as const).flatMap((right) =>
    model.fieldRules[right].map(({ path, rule }) => {
      return { right, field: path, parts: partsOf(model, rule).map(afterReading) };
    }),
  );
  return [...ofObjects, ...ofFields];
}

/** What a field's rule says is of no use for finding objects. */
function afterReading(part: RulePart): RulePart {
  return part.cost === 'once' ? part : { ...part, cost: 'object' };
}

/** Whether the right is another one's, because the model does not say it. */
function isDefault({ access }: Model, right: AccessRight): boolean {
  if (right === 'subscribe') return access.subscribe === access.read;
  return (right === 'present' || right === 'send') && access[right] === access.subscribe;
}

function partsOf(model: Model, rule: Rule): RulePart[] {
  const { tree, source, constant } = rule;
  if (tree === undefined || source === undefined) {
    return [{ text: String(constant ?? false), cost: 'once', lookups: [] }];
  }
  const leaves = leavesOf(tree);
  const scope = { model, isFixed: (lookup: Lookup) => lookup.reach === 'collection' };
  const isFound = (lookup: Lookup) => isFoundByIndex(lookup, model.names);
  const without = { model, isFixed: (lookup: Lookup) => scope.isFixed(lookup) || isFound(lookup) };
  const isNarrowed =
    leaves.every((leaf) => canFilter(without, leaf)) && !allowsAnyWithoutLookups(model, rule);
  return leaves.map((leaf) => ({
    text: source.slice(leaf.start, leaf.end).replaceAll(/\s+/g, ' '),
    cost: costOf(scope, leaf, isNarrowed),
    lookups: lookupsOf(model, leaf),
  }));
}

function allowsAnyWithoutLookups(model: Model, rule: Rule): boolean {
  const nothing = (rule.lookups ?? []).map(({ lookup }) => [scopeName(lookup.name), null]);
  const pushdown = ruleToRql(model, { uid: '' }, Object.fromEntries(nothing), rule);
  return pushdown?.kind === 'everything';
}

interface PartScope {
  readonly model: Model;
  /** Whether a lookup has one value for all objects that are asked for. */
  readonly isFixed: (lookup: Lookup) => boolean;
}

function leavesOf(tree: Expression): Expression[] {
  const node = unwrapped(tree);
  if (node.type !== 'LogicalExpression' || node.operator === '??') return [node];
  return [...leavesOf(node.left), ...leavesOf(node.right)];
}

function lookupsOf(model: Model, leaf: Expression): string[] {
  const names = new Set(model.lookups.keys());
  return [...lookupReads(leaf, names, { isCondition: true }).keys()];
}

function costOf(scope: PartScope, leaf: Expression, isNarrowed: boolean): RulePartCost {
  if (isCollectionWide(scope, leaf)) return 'once';
  if (canFilter(scope, leaf)) return 'query';
  return isNarrowed ? 'found' : 'object';
}

const ofTheObject = new Set(['obj', 'input', 'r']);

function isCollectionWide({ model, isFixed }: PartScope, node: Expression): boolean {
  if (mentions(node, ofTheObject)) return false;
  return lookupsOf(model, node).every((name) => {
    const lookup = model.lookups.get(name);
    return lookup !== undefined && isFixed(lookup);
  });
}

/** Whether a filter can say it, whatever the values that are known beforehand. */
function canFilter(scope: PartScope, part: Expression): boolean {
  const node = unwrapped(part);
  switch (node.type) {
    case 'LogicalExpression':
      return node.operator !== '??' && canFilter(scope, node.left) && canFilter(scope, node.right);
    case 'UnaryExpression':
      return node.operator === '!' && canFilter(scope, node.argument);
    case 'ConditionalExpression':
      return [node.test, node.consequent, node.alternate].every((inner) => canFilter(scope, inner));
    case 'BinaryExpression': {
      if (!Object.hasOwn(mirrored, node.operator)) return false;
      const [a, b] = [node.left as Expression, node.right];
      return (
        (isField(scope.model, a) && isKnown(scope, b)) ||
        (isKnown(scope, a) && isField(scope.model, b)) ||
        isKnown(scope, node)
      );
    }
    case 'CallExpression': {
      const call = includesCall(node);
      if (call === undefined) return isKnown(scope, node);
      return isKnown(scope, call.callee.object as Expression) && isField(scope.model, call.value);
    }
    default:
      return isField(scope.model, node) || isKnown(scope, node);
  }
}

function isField(model: Model, part: Expression): boolean {
  const name = fieldReadBy(unwrapped(part));
  return name !== undefined && typeOfField(model, name) !== undefined;
}

function isKnown(scope: PartScope, node: Expression): boolean {
  if (!isCollectionWide(scope, node)) return false;
  const names = ['auth', ...[...scope.model.lookups.keys()].map(scopeName)];
  const parameters = new Map(names.map((name) => [name, name]));
  const compiled = compileExpression(node, { parameters, hasThis: false });
  return compiled !== undefined && !compiled.usesNow;
}
