import type { Syntax } from './syntax.js';
import { everyNode, isTree, type Tree } from './tree.js';

/** The members that a script can look at of each value of its scope; undefined where it could look at all. */
export type UsedMembers = ReadonlyMap<string, ReadonlySet<string> | undefined>;

/**
 * Reading JSON is the dearest part of a call, and most scripts look at two or three members of an
 * object. So those alone are sent, where the text leaves no doubt: the name occurs as `input.age` or
 * `input["age"]` only, and neither as what a method is called on nor near anything that could see
 * variables by other ways.
 */
export function usedMembers({ tree, names, hasThis }: Syntax): UsedMembers {
  const wanted = hasThis ? ['this', ...names] : names;
  const used = new Map<string, Set<string> | undefined>(wanted.map((name) => [name, new Set()]));
  const counted = new Set<Tree>();
  for (const node of everyNode(tree)) {
    if (seesEverything(node)) return new Map(wanted.map((name) => [name, undefined]));
    if (node.type === 'MemberExpression' && isTree(node.object)) {
      const name = nameOf(node.object);
      const member = memberOf(node);
      if (name === undefined || member === undefined || counted.has(node)) continue;
      used.get(name)?.add(member);
      counted.add(node.object);
    } else if (calledOn(node) !== undefined) {
      const callee = calledOn(node);
      if (callee !== undefined) counted.add(callee);
    } else if (node.type === 'FunctionExpression' && node.start === 1) {
      // The parameters of our own function are no use of them.
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

/** What a method is called on: it sees the whole of it. */
function calledOn(node: Tree): Tree | undefined {
  const callee = node.type === 'CallExpression' ? node.callee : node.tag;
  return isTree(callee) && callee.type === 'MemberExpression' ? callee : undefined;
}

function seesEverything(node: Tree): boolean {
  if (node.type === 'WithStatement') return true;
  return node.type === 'Identifier' && (node.name === 'eval' || node.name === 'arguments');
}
