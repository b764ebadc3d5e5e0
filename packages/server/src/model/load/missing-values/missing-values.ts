import type {
  BinaryExpression,
  ConditionalExpression,
  LogicalExpression,
  Node,
  UnaryExpression,
} from 'acorn';
import { unchained } from '../../lookups/lookup-uses.js';
import { draftsIn } from '../build-model.js';
import type { FieldDraft, ModelDraft, ScriptSlot } from '../draft.js';
import type { LookupLinks } from '../lookups/link-lookups.js';
import { placeIn } from '../warning-texts.js';
import { both, type Present, presentIf, type Read, readOf, saysEqual } from './present-values.js';

/** In JavaScript two missing values are equal, so a rule that compares them allows whoever has neither (rule LKP6). */
export function* missingValueWarnings(draft: ModelDraft, links: LookupLinks): Generator<string> {
  for (const { slot, field } of rulesOf(draft)) {
    const { tree, source } = slot.draft;
    const equalities: Equality[] = [];
    addEqualities(equalities, unchained(tree), new Set(), true);
    for (const { node, present } of equalities) {
      const sides = [node.left, node.right];
      const reads = sides.map(readOf);
      const where = { draft, slot, field, links, present };
      if (!reads.every((read) => read && mayBeMissing(read, where))) continue;
      // What the token says is the same for all objects.
      const guard = sides.find((_, index) => reads[index]?.path[0] === 'auth') ?? node.left;
      const text = source.slice(node.start, node.end).replaceAll(/\s+/g, ' ');
      const asked = source.slice(guard.start, guard.end);
      yield `${placeIn(slot, node.start)}: \`${text}\` is true where both are missing; \`${asked} != null && ${text}\` asks for a value`;
    }
  }
}

interface RuleSlot {
  readonly slot: ScriptSlot;
  /** Set for the rule of a field. */
  readonly field?: FieldDraft | undefined;
}

function* rulesOf({ access, fields }: ModelDraft): Generator<RuleSlot> {
  for (const slot of Object.values(access?.rules ?? {})) yield { slot };
  for (const { field, access: rights } of draftsIn(fields)) {
    for (const slot of new Set(Object.values(rights))) if (slot) yield { slot, field };
  }
}

interface Where extends RuleSlot {
  readonly draft: ModelDraft;
  readonly links: LookupLinks;
  readonly present: Present;
}

function mayBeMissing({ path, isOptional }: Read, where: Where): boolean {
  const { draft, slot, field, links, present } = where;
  if (present.has(path.join('.'))) return false;
  const [root = '', ...members] = path;
  switch (root) {
    case 'auth':
      return ['_r', 'authType', 'data'].includes(members[0] ?? '');
    case 'obj':
    case 'input':
      return members.length > 0 && isFieldMissable(draft, members);
    case 'was':
      return !hasValue(field);
    default: {
      const name = root === 'parents' ? `parents.${members.shift() ?? ''}` : root;
      if (!slot.draft.lookups?.has(name)) return false;
      const isThere = present.has(name) || !isOptional;
      return members.length > 0 && (!isThere || isFieldMissable(links.model(draft, name), members));
    }
  }
}

/** Of an object that there is. What its model does not have at all is another warning. */
function isFieldMissable(
  model: ModelDraft | undefined,
  [name = '', ...inner]: readonly string[],
): boolean {
  if (name === '_r' || name === '_rev') return false;
  const field = model?.fields.get(name);
  if (model !== undefined && field === undefined) return false;
  return inner.length > 0 || !hasValue(field);
}

/** As a rule: a default can be unset, where updates of the field are allowed. */
function hasValue(field: FieldDraft | undefined): boolean {
  return field?.required === true || field?.default !== undefined;
}

interface Equality {
  readonly node: BinaryExpression;
  /** What has a value where it counts. */
  readonly present: Present;
}

/** Adds those whose truth makes the whole true. `isAsserted`: so does the truth of `node`; otherwise its falsehood. */
function addEqualities(found: Equality[], node: Node, present: Present, isAsserted: boolean): void {
  switch (node.type) {
    case 'LogicalExpression': {
      const { operator, left, right } = node as LogicalExpression;
      if (operator === '??') return;
      const [a, b] = [unchained(left), unchained(right)];
      // Both are as asserted, or the left one is not when the right one is evaluated.
      const isBoth = (operator === '&&') === isAsserted;
      const before = isBoth ? both(present, presentIf(b, isAsserted)) : present;
      addEqualities(found, a, before, isAsserted);
      addEqualities(found, b, both(present, presentIf(a, isBoth === isAsserted)), isAsserted);
      return;
    }
    case 'UnaryExpression': {
      const { operator, argument } = node as UnaryExpression;
      if (operator === '!') addEqualities(found, unchained(argument), present, !isAsserted);
      return;
    }
    case 'ConditionalExpression': {
      const { test, consequent, alternate } = node as ConditionalExpression;
      const under = (holds: boolean) => both(present, presentIf(unchained(test), holds));
      addEqualities(found, unchained(consequent), under(true), isAsserted);
      addEqualities(found, unchained(alternate), under(false), isAsserted);
      return;
    }
    case 'BinaryExpression': {
      const binary = node as BinaryExpression;
      if (saysEqual(binary.operator, isAsserted)) found.push({ node: binary, present });
      return;
    }
    default:
  }
}
