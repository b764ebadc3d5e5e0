import type { AnyNode, Identifier, MemberExpression, Node } from 'acorn';
import { childrenOf, mentions } from '../script/auth-reads.js';
import { isObjectMember, memberName } from '../script/members.js';

/** The names of lookups by which a script reads them, each with the members that it reads. */
export type LookupReads = ReadonlyMap<string, ReadonlySet<string> | 'all'>;

/** The variable in which a script has a lookup: `parents` for `parents.projects`. */
export function scopeName(lookup: string): string {
  return lookup.split('.')[0] ?? lookup;
}

interface Visit {
  readonly node: Node;
  /** Only whether the value is truthy counts. */
  readonly isTest: boolean;
}

/**
 * Which of these lookups a script may read, and what of them: plain members such as `membership?.role` count as those,
 * a comparison with null and a condition as nothing, any other use as all. Errs only towards more.
 */
export function lookupReads(
  tree: Node,
  names: ReadonlySet<string>,
  { isCondition }: { readonly isCondition: boolean },
): LookupReads {
  const reads = new Map<string, Set<string> | 'all'>();
  // With these a script can reach its variables without naming them.
  if (mentions(tree, new Set())) {
    for (const name of names) reads.set(name, 'all');
    return reads;
  }
  const note = (name: string, member: string | undefined, isTest: boolean) => {
    const known = reads.get(name) ?? new Set<string>();
    if (known === 'all') return;
    // A method of the object, such as `valueOf`, may return all of it.
    const isMethod = member !== undefined && isObjectMember(member);
    if (isMethod || (member === undefined && !isTest)) reads.set(name, 'all');
    else reads.set(name, member === undefined ? known : known.add(member));
  };
  const waiting: Visit[] = [{ node: tree, isTest: isCondition }];
  for (let visit = waiting.pop(); visit !== undefined; visit = waiting.pop()) {
    const read = readOf(visit.node, names);
    if (read === undefined) waiting.push(...visitsIn(visit));
    else for (const name of read.names) note(name, read.member, visit.isTest);
  }
  return reads;
}

interface Read {
  readonly names: readonly string[];
  readonly member: string | undefined;
}

/** `membership`, `membership.role`, `parents.projects?.title`. */
function readOf(node: Node, names: ReadonlySet<string>): Read | undefined {
  const path = pathOf(node);
  if (path === undefined) return undefined;
  const [first = '', second, third] = path;
  if (names.has(first)) return { names: [first], member: second };
  if (first !== 'parents') return undefined;
  const ancestors = [...names].filter((name) => name.startsWith('parents.'));
  if (second === undefined) return { names: ancestors, member: undefined };
  const name = `parents.${second}`;
  return { names: names.has(name) ? [name] : [], member: third };
}

/** The names in a chain of members; `undefined` if one is computed, which may read lookups itself. */
function pathOf(node: Node): string[] | undefined {
  const path: string[] = [];
  let inner = unchained(node);
  while (inner.type === 'MemberExpression') {
    const member = inner as MemberExpression;
    const name = memberName(member);
    if (name === undefined) return undefined;
    path.unshift(name);
    inner = unchained(member.object);
  }
  return inner.type === 'Identifier' ? [(inner as Identifier).name, ...path] : undefined;
}

/** Without the parentheses and the chain of `?.` around it. */
export function unchained(node: Node): Node {
  let inner = node;
  while (inner.type === 'ChainExpression' || inner.type === 'ParenthesizedExpression') {
    inner = (inner as Node & { readonly expression: Node }).expression;
  }
  return inner;
}

function visitsIn({ node, isTest }: Visit): Visit[] {
  const parent = node as AnyNode;
  switch (parent.type) {
    case 'ChainExpression':
    case 'ParenthesizedExpression':
      return [{ node: parent.expression, isTest }];
    case 'UnaryExpression':
      return [{ node: parent.argument, isTest: parent.operator === '!' }];
    case 'LogicalExpression': {
      const { operator, left, right } = parent;
      return [
        { node: left, isTest: operator !== '??' && (isTest || operator === '&&') },
        { node: right, isTest },
      ];
    }
    case 'ConditionalExpression':
      return [
        { node: parent.test, isTest: true },
        { node: parent.consequent, isTest },
        { node: parent.alternate, isTest },
      ];
    case 'BinaryExpression': {
      const { operator, left, right } = parent;
      const isEquality = ['==', '!=', '===', '!=='].includes(operator);
      const isNullTest = isEquality && (isNullish(left) || isNullish(right));
      return [left, right].map((side) => ({ node: side, isTest: isNullTest }));
    }
    default:
      return childrenOf(node).map((child) => ({ node: child, isTest: false }));
  }
}

function isNullish(node: Node): boolean {
  if (node.type === 'Identifier') return (node as Identifier).name === 'undefined';
  return node.type === 'Literal' && 'value' in node && node.value === null && !('regex' in node);
}
