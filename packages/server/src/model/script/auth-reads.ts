import type { Identifier, MemberExpression, Node } from 'acorn';
import type { AuthParts } from '../model.js';
import { memberName } from './members.js';

export const readsNothing: AuthParts = { uid: false, r: false, all: false };
export const readsAll: AuthParts = { uid: true, r: true, all: true };

/** All nodes of a tree, except those below leaves. Without recursion: a script may be nested deeply. */
function* nodesOf(tree: Node, isLeaf = (_node: Node) => false): Generator<Node> {
  const waiting: Node[] = [tree];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    yield node;
    if (!isLeaf(node)) waiting.push(...childrenOf(node));
  }
}

/** Whether a script may use any of these names, or use names in a way that static reading does not show. Errs only towards true. */
export function mentions(
  tree: Node,
  names: ReadonlySet<string>,
  isLeaf?: (node: Node) => boolean,
): boolean {
  for (const node of nodesOf(tree, isLeaf)) if (reachesAny(node, names)) return true;
  return false;
}

/** As `mentions`, but allows what remains of a deleted object: `obj._r` and `obj._rev`. Errs only towards true. */
export function mentionsContent(tree: Node, names: ReadonlySet<string>): boolean {
  return mentions(tree, names, (node) => {
    return isMemberOf(node, 'obj') && ['_r', '_rev'].includes(memberName(node) ?? '');
  });
}

export function joinReads(parts: readonly AuthParts[]): AuthParts {
  return {
    uid: parts.some((part) => part.uid),
    r: parts.some((part) => part.r),
    all: parts.some((part) => part.all),
  };
}

/** The members of `name` that an expression reads by their names. */
export function membersOf(tree: Node, name: string): Set<string> {
  const found = new Set<string>();
  for (const node of nodesOf(tree)) {
    const member = isMemberOf(node, name) ? memberName(node) : undefined;
    if (member !== undefined) found.add(member);
  }
  return found;
}

/** With these a script could reach its scope without naming it. */
const backDoorNames = new Set(['eval', 'Function', 'arguments', 'globalThis']);
const justAuth = new Set(['auth']);
const backDoorMembers = new Set(['constructor', 'caller', 'callee', 'arguments']);

/**
 * Which parts of `auth` a script may read, found statically: plain member reads such as `auth.uid` and `auth._r` count
 * as those parts; any other use of `auth`, or any way to reach it without naming it, counts as all of it. Errs only
 * towards more.
 */
export function authReads(tree: Node): AuthParts {
  const found = { uid: false, r: false, all: false };
  for (const node of nodesOf(tree, (node) => isMemberOf(node, 'auth'))) {
    if (isMemberOf(node, 'auth')) note(memberName(node), found);
    else if (reachesAny(node, justAuth)) return readsAll;
  }
  return found;
}

function isMemberOf(node: Node, name: string): node is MemberExpression {
  if (node.type !== 'MemberExpression') return false;
  const { object } = node as MemberExpression;
  return object.type === 'Identifier' && object.name === name;
}

function note(name: string | undefined, found: { uid: boolean; r: boolean; all: boolean }): void {
  if (name === 'uid') found.uid = true;
  else if (name === '_r') found.r = true;
  // Undefined for all whose rights are checked.
  else if (name !== 'admin') found.all = true;
}

function reachesAny(node: Node, names: ReadonlySet<string>): boolean {
  switch (node.type) {
    case 'Identifier': {
      const { name } = node as Identifier;
      return names.has(name) || backDoorNames.has(name);
    }
    case 'MemberExpression': {
      const name = memberName(node as MemberExpression);
      return name !== undefined && backDoorMembers.has(name);
    }
    default:
      return node.type === 'WithStatement';
  }
}

/** The child nodes without mere names: of members, properties and labels. */
export function childrenOf(node: Node): Node[] {
  const children: Node[] = [];
  const computed = 'computed' in node && node.computed === true;
  for (const [part, value] of Object.entries(node)) {
    if (part === 'label' || (!computed && (part === 'property' || part === 'key'))) continue;
    for (const child of Array.isArray(value) ? value : [value])
      if (isNode(child)) children.push(child);
  }
  return children;
}

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}
