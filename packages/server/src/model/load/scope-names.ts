import { type Node, parse } from 'acorn';

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
  ...['Reflect', 'Proxy', 'Promise', 'Function', 'eval', 'escape', 'unescape', 'print'],
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

/** The first name that a plain expression reads and that nothing brings; functions inside it are not looked into. */
export function unknownName(tree: Node, parameters: readonly string[]): string | undefined {
  const waiting: unknown[] = [tree];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (!isNode(node)) continue;
    if (/Function|Class/.test(node.type)) continue;
    if (node.type === 'Identifier' && 'name' in node) {
      const name = String(node.name);
      if (!parameters.includes(name) && !alwaysInScope.has(name)) return name;
    }
    waiting.push(...partsOf(node));
  }
  return undefined;
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
