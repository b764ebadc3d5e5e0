import { type Identifier, type MemberExpression, type Node, parse } from 'acorn';
import { memberName } from '../script/members.js';

/** Whether a variable can have this name, in strict code too. */
export function isVariableName(name: string): boolean {
  if (!/^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u.test(name)) return false;
  try {
    parse(`"use strict"; (function (${name}) {})`, { ecmaVersion: 2023 });
    return true;
  } catch {
    return false;
  }
}

/** What every expression sees, in the sandbox or out of it. */
const alwaysInScope: ReadonlySet<string> = new Set([
  ...['now', 'undefined', 'NaN', 'Infinity', 'globalThis'],
  ...['Array', 'Boolean', 'Date', 'Error', 'JSON', 'Map', 'Math', 'Number', 'Object', 'RegExp'],
  ...['Set', 'String', 'BigInt', 'Symbol', 'parseInt', 'parseFloat', 'isNaN', 'isFinite'],
  ...['encodeURIComponent', 'decodeURIComponent', 'encodeURI', 'decodeURI', 'RangeError'],
  ...['TypeError', 'SyntaxError', 'EvalError', 'ReferenceError', 'URIError', 'WeakMap', 'WeakSet'],
  ...['Reflect', 'Proxy', 'Promise', 'Function', 'eval', 'escape', 'unescape'],
  ...['Uint8Array', 'Int8Array', 'Uint16Array', 'Int16Array', 'Uint32Array', 'Int32Array'],
  ...['Float32Array', 'Float64Array', 'Uint8ClampedArray', 'ArrayBuffer', 'DataView'],
]);

const bareWord = /^[\p{L}_$][\p{L}\p{N}_$]*(?:-[\p{L}\p{N}_$]+)*$/u;
const literalWords = new Set(['true', 'false', 'null', 'this']);

/** A word, as in `default: en`, that is no expression over what a default sees, and so is meant as text. `en-US` counts as one word. */
export function isTextWord(source: string): boolean {
  if (!bareWord.test(source) || literalWords.has(source)) return false;
  return source.split('-').every((part) => !alwaysInScope.has(part));
}

/** What a plain expression reads; functions inside it, with names of their own, are not looked into. */
export interface Reads {
  /** Names that stand alone. */
  readonly names: ReadonlySet<string>;
  /** Members by what they are read of: `obj`, `this`. */
  readonly members: ReadonlyMap<string, ReadonlySet<string>>;
}

export function readsOf(tree: Node): Reads {
  const names = new Set<string>();
  const members = new Map<string, Set<string>>();
  const waiting: unknown[] = [tree];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (!isNode(node) || /Function|Class/.test(node.type)) continue;
    if (isIdentifier(node)) names.add(node.name);
    if (isMember(node)) noteMember(node, members);
    waiting.push(...partsOf(node));
  }
  return { names, members };
}

/** Whether every expression sees this name. */
export function isAlwaysInScope(name: string): boolean {
  return alwaysInScope.has(name);
}

function noteMember(node: MemberExpression, members: Map<string, Set<string>>): void {
  const { object } = node;
  const name = memberName(node);
  const owner =
    object.type === 'ThisExpression' ? 'this' : object.type === 'Identifier' ? object.name : '';
  if (owner === '' || name === undefined) return;
  const known = members.get(owner);
  if (known === undefined) members.set(owner, new Set([name]));
  else known.add(name);
}

function isIdentifier(node: Node): node is Identifier {
  return node.type === 'Identifier';
}

function isMember(node: Node): node is MemberExpression {
  return node.type === 'MemberExpression';
}

function partsOf(node: Node): unknown[] {
  const computed = 'computed' in node && node.computed === true;
  const parts = Object.entries(node).filter(
    ([part]) => computed || (part !== 'property' && part !== 'key'),
  );
  return parts.flatMap(([, value]) => value);
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}
