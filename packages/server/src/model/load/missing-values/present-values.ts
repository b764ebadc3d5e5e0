import type {
  BinaryExpression,
  CallExpression,
  LogicalExpression,
  MemberExpression,
  Node,
  UnaryExpression,
} from 'acorn';
import { unchained } from '../../lookups/lookup-uses.js';
import { memberName } from '../../script/members.js';

/** A value that an expression reads by name: `membership?.team`. */
export interface Read {
  readonly path: readonly string[];
  /** With `?.` somewhere. */
  readonly isOptional: boolean;
}

/** Paths whose values are not missing. */
export type Present = ReadonlySet<string>;

/** Whether a comparison with this operator says, by being true or false, that its sides are equal. */
export function saysEqual(operator: string, holds: boolean): boolean {
  return (holds ? ['==', '==='] : ['!=', '!==']).includes(operator);
}

/** The paths that have a value if an expression is true, or false. Errs only towards fewer. */
export function presentIf(node: Node, holds: boolean): Present {
  switch (node.type) {
    case 'LogicalExpression': {
      const { operator, left, right } = node as LogicalExpression;
      if ((operator === '&&') !== holds || operator === '??') return new Set();
      const sides = [left, right].map((side) => presentIf(unchained(side), holds));
      return both(...sides);
    }
    case 'UnaryExpression': {
      const { operator, argument } = node as UnaryExpression;
      return operator === '!' ? presentIf(unchained(argument), !holds) : new Set();
    }
    case 'BinaryExpression':
      return presentByComparison(node as BinaryExpression, holds);
    case 'CallExpression': {
      // `["a", "b"].includes(membership?.role)`, and a method of a value that is there.
      const { callee, arguments: given } = node as CallExpression;
      if (!holds || callee.type !== 'MemberExpression') return new Set();
      const list = unchained((callee as MemberExpression).object);
      const isLiteral = list.type === 'ArrayExpression';
      return pathsOf(isLiteral ? given[0] : list);
    }
    default:
      return holds ? pathsOf(node) : new Set();
  }
}

function presentByComparison({ operator, left, right }: BinaryExpression, holds: boolean): Present {
  const sides = [left, right] as const;
  if (saysEqual(operator, !holds))
    return both(...sides.filter((_, at) => isNullish(sides[1 - at])).map(pathsOf));
  const isOrder = holds && ['<', '>', '<=', '>='].includes(operator);
  if (!saysEqual(operator, holds) && !isOrder) return new Set();
  return both(...sides.filter((_, at) => hasValue(sides[1 - at])).map(pathsOf));
}

/** Whether it is a value whatever is stored: a literal, a text that is put together, `auth.uid` or `r`. */
function hasValue(part: Node | undefined): boolean {
  if (part === undefined || isNullish(part)) return false;
  const node = unchained(part);
  if (['Literal', 'TemplateLiteral', 'BinaryExpression'].includes(node.type)) return true;
  const path = readOf(node)?.path.join('.');
  return path === 'auth.uid' || path === 'r';
}

function isNullish(part: Node | undefined): boolean {
  if (part?.type === 'Identifier') return 'name' in part && part.name === 'undefined';
  return part?.type === 'Literal' && 'raw' in part && part.raw === 'null';
}

/** The path of a value and of what it is in: if it is there, so are they. */
function pathsOf(node: Node | undefined): Present {
  const read = node && readOf(node);
  if (!read) return new Set();
  return new Set(read.path.map((_, index) => read.path.slice(0, index + 1).join('.')));
}

export function both(...sets: readonly Present[]): Present {
  return new Set(sets.flatMap((set) => [...set]));
}

/** `a.b?.c`; `undefined` if it is anything else. */
export function readOf(part: Node): Read | undefined {
  const path: string[] = [];
  let isOptional = false;
  let node = unchained(part);
  while (node.type === 'MemberExpression') {
    const { object, optional } = node as MemberExpression;
    const name = memberName(node as MemberExpression);
    if (name === undefined) return undefined;
    path.unshift(name);
    isOptional ||= optional;
    node = unchained(object);
  }
  if (node.type !== 'Identifier' || !('name' in node)) return undefined;
  return { path: [String(node.name), ...path], isOptional };
}
