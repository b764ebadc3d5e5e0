import type { BinaryExpression, Identifier, MemberExpression, Node } from 'acorn';
import { scopeName } from '../../lookups/lookup-uses.js';
import type { ModelDraft, ScriptSlot } from '../draft.js';
import { quoted } from '../expected-names.js';
import { nodesOf, readsOf } from '../script-reads.js';
import { placeIn, strangerIn } from '../warning-texts.js';
import type { LookupLinks } from './link-lookups.js';

/** Warnings about the lookups that a script reads (rule LKP6): most likely mistakes. */
export function* lookupWarnings(
  draft: ModelDraft,
  slot: ScriptSlot,
  links: LookupLinks,
): Generator<string> {
  yield* inWarnings(slot);
  const { lookups, tree } = slot.draft;
  if (lookups === undefined) return;
  yield* unknownMembers(draft, slot, links);
  const names = new Set([...lookups.keys()].map(scopeName));
  for (const [name, { member, offset }] of unguardedReads(tree, names)) {
    yield `${placeIn(slot, offset)}: ${quoted(name)} is null where there is no such object, and then \`${name}.${member}\` throws, which is a no; \`${name}?.${member}\` says so`;
  }
}

/** `x in list` asks for an index in JavaScript. */
function* inWarnings(slot: ScriptSlot): Generator<string> {
  for (const node of nodesOf(slot.draft.tree)) {
    if (node.type !== 'BinaryExpression') continue;
    const { operator, left, right } = node as BinaryExpression;
    const isKey = left.type === 'Literal' && typeof left.value === 'string';
    if (operator !== 'in' || (isKey && right.type !== 'ArrayExpression')) continue;
    yield `${placeIn(slot, node.start)}: \`in\` asks whether a list has an index, or an object a member; \`list.includes(value)\` asks for a value`;
  }
}

/** Members that the model of the looked-up object does not have. */
function* unknownMembers(
  draft: ModelDraft,
  slot: ScriptSlot,
  links: LookupLinks,
): Generator<string> {
  const names = slot.draft.lookups ?? new Map();
  const reported = new Set<string>();
  for (const { owner, path, offset } of readsOf(slot.draft.tree).members) {
    const [first = '', ...rest] = path;
    const isParent = owner === 'parents';
    const name = isParent ? `parents.${first}` : owner;
    const model = names.has(name) ? links.model(draft, name) : undefined;
    const message = model && strangerIn(model, name, isParent ? rest : path);
    if (message === undefined || reported.has(message)) continue;
    reported.add(message);
    yield `${placeIn(slot, offset)}: ${message}`;
  }
}

/**
 * By lookup, its first member that is read without `?.`, and without a look at the lookup itself: `x != null && x.role`
 * and `x ? x.role : …` are fine, and in statements any mention without a member counts as such a look.
 */
function unguardedReads(tree: Node, names: ReadonlySet<string>) {
  const guarded: string[] = [];
  const reads = new Map<string, { readonly member: string; readonly offset: number }>();
  for (const node of nodesOf(tree)) {
    guarded.push(...lookedAt(node, names));
    if (node.type !== 'MemberExpression') continue;
    const { object, property, optional, computed } = node as MemberExpression;
    if (object.type !== 'Identifier' || !names.has(object.name) || optional || computed) continue;
    // `parents` itself is never null.
    if (object.name === 'parents' || property.type !== 'Identifier') continue;
    if (reads.has(object.name)) continue;
    reads.set(object.name, { member: property.name, offset: node.start });
  }
  for (const name of guarded) reads.delete(name);
  return reads;
}

/** The lookups whose being there this node asks for. */
function lookedAt(node: Node, names: ReadonlySet<string>): string[] {
  const parts = node as unknown as Record<string, unknown>;
  const asked = (askingParts[node.type] ?? []).map((part) => parts[part] as Identifier);
  return asked.flatMap(({ type, name }) => {
    return type === 'Identifier' && names.has(name) ? [name] : [];
  });
}

const askingParts: Readonly<Record<string, readonly string[]>> = {
  LogicalExpression: ['left'],
  ConditionalExpression: ['test'],
  IfStatement: ['test'],
  UnaryExpression: ['argument'],
  BinaryExpression: ['left', 'right'],
};
