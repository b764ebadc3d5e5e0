import { collectionPath } from '@really/protocol';
import type { Lookup } from '../model/lookups/lookup.js';
import type { Model } from '../model/model.js';
import {
  type ExplainedRule,
  explainRules,
  type RulePart,
  type RulePartCost,
} from '../model/rules/explain-rules.js';

const costs: Readonly<Record<RulePartCost, string>> = {
  once: 'once',
  query: 'in the query',
  found: 'object by object',
  object: 'object by object',
};

/** `really models check --explain` (rule LKP7): how the rules of each model are evaluated. */
export function explainModels(models: readonly Model[]): string {
  return models.map((model) => linesOf(model).join('\n')).join('\n\n');
}

function linesOf(model: Model): string[] {
  const rules = explainRules(model);
  const used = new Set(rules.flatMap(({ parts }) => parts.flatMap(({ lookups }) => lookups)));
  for (const name of [...used]) {
    for (const { name: needed } of model.lookups.get(name)?.needs ?? []) used.add(needed);
  }
  const lookups = [...model.lookups.values()].filter(({ name }) => used.has(name));
  const width = Math.max(0, ...lookups.map(({ name }) => name.length));
  const labelWidth = Math.max(...rules.map((rule) => labelOf(rule).length));
  return [
    collectionPath(model.names),
    ...lookups.map((lookup) => `  looks up ${lookup.name.padEnd(width)}  ${describe(lookup)}`),
    ...rules.flatMap((rule) => ruleLines(rule, labelWidth)),
  ];
}

function describe({ template: { text }, reach }: Lookup): string {
  const often = reach === 'collection' ? 'once for a collection' : 'for each object';
  return `${text}  ${often}`;
}

/** When the rights of rooms are checked. */
const inRooms: Readonly<Record<string, string>> = {
  present: 'with each state',
  send: 'with each message',
};

function ruleLines(rule: ExplainedRule, labelWidth: number): string[] {
  const width = Math.max(...rule.parts.map(({ text }) => text.length));
  return rule.parts.map((part, index) => {
    const label = (index === 0 ? labelOf(rule) : '').padEnd(labelWidth);
    return `  ${label}  ${part.text.padEnd(Math.min(width, 60))}  ${whenOf(rule, part)}`;
  });
}

function labelOf({ right, field }: ExplainedRule): string {
  return field === undefined ? right : `${right} of ${field}`;
}

function whenOf({ right, field }: ExplainedRule, { cost, lookups }: RulePart): string {
  const isOfReading = right === 'read' || right === 'subscribe';
  if (isOfReading && cost === 'found' && lookups.length > 0) {
    return `object by object, only where ${lookups.join(' or ')} is found`;
  }
  const by = lookups.length > 0 ? `, looks up ${lookups.join(', ')}` : '';
  // Where the field may be hidden, no index of it is used (rule LKP5).
  const isScanned = field !== undefined && right === 'read' && cost !== 'once';
  const scanned = isScanned ? '; filters and sorts by it look at all objects' : '';
  return `${isOfReading ? costs[cost] : (inRooms[right] ?? 'with each write')}${by}${scanned}`;
}
