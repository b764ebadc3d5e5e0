import type { Syntax } from './syntax.js';
import { everyNode, isTree, type Tree } from './tree.js';

/** The members that a script can read of each value of its scope, in their order; undefined if it may read all. */
export type UsedMembers = ReadonlyMap<string, ReadonlySet<string> | undefined>;

/**
 * Parsing JSON is the most expensive part of a call, and most scripts read two or three members of an object. So only
 * those are sent if the source leaves no doubt: the name occurs only as `input.age` or `input["age"]`, not as the
 * receiver of a method call, and nothing else could reach variables in other ways.
 */
export function usedMembers({ tree, names, hasThis }: Syntax): UsedMembers {
  const wanted = hasThis ? ['this', ...names] : names;
  const used = new Map<string, Set<string> | undefined>(wanted.map((name) => [name, new Set()]));
  const counted = new Set<Tree>();
  for (const node of everyNode(tree)) {
    if (seesEverything(node)) return new Map(wanted.map((name) => [name, undefined]));
    const receiver = calledOn(node);
    if (node.type === 'MemberExpression' && isTree(node.object)) {
      const name = nameOf(node.object);
      const member = memberOf(node);
      if (name === undefined || member === undefined || counted.has(node)) continue;
      used.get(name)?.add(member);
      counted.add(node.object);
    } else if (receiver !== undefined) {
      counted.add(receiver);
    } else if (node.type === 'FunctionExpression' && node.start === 1) {
      // The parameters of our own function are not uses.
      for (const parameter of node.params as Tree[]) counted.add(parameter);
    } else {
      const name = counted.has(node) ? undefined : nameOf(node);
      if (name !== undefined && used.has(name)) used.set(name, undefined);
    }
  }
  return used;
}

function nameOf(node: Tree): string | undefined {
  if (node.type === 'ThisExpression') return 'this';
  return node.type === 'Identifier' ? String(node.name) : undefined;
}

function memberOf({ computed, property }: Tree): string | undefined {
  if (!isTree(property)) return undefined;
  const name = computed === true ? property.value : property.name;
  // A private name, or `__proto__`, is more than a member.
  if (property.type !== (computed === true ? 'Literal' : 'Identifier')) return undefined;
  return typeof name === 'string' && name !== '__proto__' ? name : undefined;
}

/** The receiver of a method, which sees all of it. */
function calledOn(node: Tree): Tree | undefined {
  const callee = node.type === 'CallExpression' ? node.callee : node.tag;
  return isTree(callee) && callee.type === 'MemberExpression' ? callee : undefined;
}

function seesEverything(node: Tree): boolean {
  if (node.type === 'WithStatement') return true;
  return node.type === 'Identifier' && (node.name === 'eval' || node.name === 'arguments');
}
