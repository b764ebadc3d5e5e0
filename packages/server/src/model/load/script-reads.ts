import type {
  AssignmentExpression,
  CallExpression,
  Identifier,
  MemberExpression,
  Node,
  Property,
  UnaryExpression,
  VariableDeclarator,
} from 'acorn';
import { isNode, mentions } from '../script/auth-reads.js';
import { memberName } from '../script/members.js';

/** A member that the script reads: `obj.house.size` is `['house', 'size']` of `obj`. */
interface MemberRead {
  readonly owner: string;
  readonly path: readonly string[];
  readonly offset: number;
}

/** A literal text as an argument of a call: `hide("age")`, `fields.includes("age")`. */
interface TextArgument {
  /** `hide`, `fields.includes`. */
  readonly callee: string;
  readonly text: string;
  readonly offset: number;
}

/**
 * What a script reads, including functions inside it. A name that is declared or assigned anywhere in it counts as
 * declared in all of it: this errs only towards fewer reads.
 */
export interface ScriptReads {
  /** Names that it does not declare, with the position of the first use. */
  readonly names: ReadonlyMap<string, number>;
  /** Members of names that it does not declare, and of `this`, except members that it assigned itself. */
  readonly members: readonly MemberRead[];
  readonly texts: readonly TextArgument[];
}

export function readsOf(tree: Node): ScriptReads {
  const walk = new Walk();
  for (const node of nodesOf(tree)) walk.note(node);
  return walk.reads();
}

/** A tree and what is in it. An explicit stack instead of recursion: a script may be nested deeply. */
export function* nodesOf(tree: Node): Generator<Node> {
  const waiting: Node[] = [tree];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    yield node;
    waiting.push(...childrenOf(node));
  }
}

/** The fields that a pre-get may hide: the literal arguments of `hide`, or `any` if one is computed. */
export function hidesOf(tree: Node): ReadonlySet<string> | 'any' {
  // With these a script can get a function without naming it.
  if (mentions(tree, new Set())) return 'any';
  const hidden = new Set<string>();
  const spelledOut = new Set<Node>();
  for (const node of nodesOf(tree)) {
    if (node.type === 'ThisExpression' || (isHide(node) && !spelledOut.has(node))) return 'any';
    if (node.type !== 'CallExpression') continue;
    const { callee, arguments: given } = node as CallExpression;
    if (!isHide(callee)) continue;
    const names = given.map((argument) => (argument.type === 'Literal' ? argument.value : null));
    if (!names.every((name) => typeof name === 'string')) return 'any';
    for (const name of names) hidden.add(name);
    spelledOut.add(callee);
  }
  return hidden;
}

function isHide(node: Node): boolean {
  return node.type === 'Identifier' && (node as Identifier).name === 'hide';
}

class Walk {
  readonly #references: Identifier[] = [];
  readonly #declared = new Set(['arguments']);
  readonly #members: MemberRead[] = [];
  readonly #given = new Set<string>();
  readonly #texts: TextArgument[] = [];
  #isOpaque = false;

  reads(): ScriptReads {
    if (this.#isOpaque) return { names: new Map(), members: [], texts: [] };
    const isFree = (name: string) => !this.#declared.has(name);
    const names = new Map<string, number>();
    for (const { name, start } of this.#references.sort((a, b) => a.start - b.start)) {
      if (isFree(name) && !names.has(name)) names.set(name, start);
    }
    const members = this.#members.filter(
      ({ owner, path: [name = ''] }) => isFree(owner) && !this.#given.has(`${owner}.${name}`),
    );
    const texts = this.#texts.filter(({ callee }) => isFree(callee.split('.')[0] ?? ''));
    return { names, members: members.sort(byOffset), texts: texts.sort(byOffset) };
  }

  note(node: Node): void {
    switch (node.type) {
      case 'Identifier':
        this.#references.push(node as Identifier);
        return;
      case 'MemberExpression': {
        const read = memberRead(node as MemberExpression);
        if (read !== undefined) this.#members.push(read);
        return;
      }
      case 'CallExpression':
        this.#call(node as CallExpression);
        return;
      case 'VariableDeclarator':
        this.#declarator(node as VariableDeclarator);
        return;
      case 'AssignmentExpression':
        this.#assigned((node as AssignmentExpression).left);
        return;
      case 'WithStatement':
        this.#isOpaque = true;
        return;
      default:
        for (const pattern of patternsOf(node)) this.#declare(pattern);
    }
  }

  #call({ callee, arguments: given }: CallExpression): void {
    const called = calleeName(callee);
    if (called === undefined) return;
    for (const argument of given) {
      if (argument.type !== 'Literal' || typeof argument.value !== 'string') continue;
      this.#texts.push({ callee: called, text: argument.value, offset: argument.start });
    }
  }

  /** `const { title } = obj` reads `obj.title`. */
  #declarator({ id, init }: VariableDeclarator): void {
    this.#declare(id);
    if (id.type !== 'ObjectPattern' || init?.type !== 'Identifier') return;
    for (const property of id.properties) {
      const name = property.type === 'Property' ? keyName(property) : undefined;
      if (name === undefined) continue;
      this.#members.push({ owner: init.name, path: [name], offset: property.start });
    }
  }

  #assigned(left: Node): void {
    if (left.type !== 'MemberExpression') {
      this.#declare(left);
      return;
    }
    const read = memberRead(left as MemberExpression);
    if (read !== undefined) this.#given.add(`${read.owner}.${read.path[0] ?? ''}`);
  }

  /** All names of a pattern. */
  #declare(pattern: Node): void {
    const waiting: Node[] = [pattern];
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      if (node.type === 'Identifier') this.#declared.add((node as Identifier).name);
      else if (node.type === 'MemberExpression') this.#assigned(node);
      else waiting.push(...childrenOf(node));
    }
  }
}

/** The child nodes that are code: without names of members, properties and labels, and without the operand of `typeof`. */
function childrenOf(node: Node): Node[] {
  const computed = 'computed' in node && node.computed === true;
  const children: Node[] = [];
  if (node.type === 'MetaProperty') return children;
  if (node.type === 'UnaryExpression') {
    const { operator, argument } = node as UnaryExpression;
    if (operator === 'typeof' && argument.type === 'Identifier') return children;
  }
  for (const [part, value] of Object.entries(node)) {
    if (part === 'label' || (!computed && (part === 'property' || part === 'key'))) continue;
    for (const child of Array.isArray(value) ? value : [value]) {
      if (isNode(child)) children.push(child);
    }
  }
  return children;
}

/** The patterns in which a node declares names. */
function patternsOf(node: Node): Node[] {
  const parts = node as unknown as Record<string, unknown>;
  switch (node.type) {
    case 'FunctionDeclaration':
    case 'FunctionExpression':
    case 'ArrowFunctionExpression':
      return [parts.id, ...(parts.params as unknown[])].filter(isNode);
    case 'ClassDeclaration':
    case 'ClassExpression':
      return [parts.id].filter(isNode);
    case 'CatchClause':
      return [parts.param].filter(isNode);
    case 'ForInStatement':
    case 'ForOfStatement':
      return [parts.left].filter(isNode).filter(({ type }) => type !== 'VariableDeclaration');
    default:
      return [];
  }
}

/** `obj.house.size`; `undefined` if a part of it is computed, or if it does not begin with a name. */
function memberRead(node: MemberExpression): MemberRead | undefined {
  const path: string[] = [];
  let inner: Node = node;
  while (inner.type === 'MemberExpression' || inner.type === 'ChainExpression') {
    if (inner.type === 'ChainExpression') {
      inner = (inner as unknown as { expression: Node }).expression;
      continue;
    }
    const name = memberName(inner as MemberExpression);
    if (name === undefined) return undefined;
    path.unshift(name);
    inner = (inner as MemberExpression).object;
  }
  if (inner.type === 'ThisExpression') return { owner: 'this', path, offset: node.start };
  if (inner.type !== 'Identifier') return undefined;
  return { owner: (inner as Identifier).name, path, offset: node.start };
}

function calleeName(callee: Node): string | undefined {
  if (callee.type === 'Identifier') return (callee as Identifier).name;
  if (callee.type !== 'MemberExpression') return undefined;
  const read = memberRead(callee as MemberExpression);
  return read && `${read.owner}.${read.path.join('.')}`;
}

function keyName({ key, computed }: Pick<Property, 'key' | 'computed'>): string | undefined {
  if (computed) return undefined;
  if (key.type === 'Identifier') return key.name;
  return key.type === 'Literal' ? String(key.value) : undefined;
}

function byOffset(a: { readonly offset: number }, b: { readonly offset: number }): number {
  return a.offset - b.offset;
}
