import { parse } from 'acorn';

/** What access rules see. */
export const ruleScope = ['auth', 'obj', 'input', 'r'];

/** What the rules of fields see. */
export const fieldRuleScope = [...ruleScope, 'value', 'was'];

/** Whether it is a valid variable name, in strict mode too. */
export function isVariableName(name: string): boolean {
  if (!/^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u.test(name)) return false;
  try {
    parse(`"use strict"; (function (${name}) {})`, { ecmaVersion: 2023 });
    return true;
  } catch {
    return false;
  }
}

/** The names that every script sees, in the sandbox or out of it. */
export const alwaysInScope: ReadonlySet<string> = new Set([
  ...['now', 'undefined', 'NaN', 'Infinity', 'globalThis'],
  ...['Array', 'Boolean', 'Date', 'Error', 'JSON', 'Map', 'Math', 'Number', 'Object', 'RegExp'],
  ...['Set', 'String', 'BigInt', 'Symbol', 'parseInt', 'parseFloat', 'isNaN', 'isFinite'],
  ...['encodeURIComponent', 'decodeURIComponent', 'encodeURI', 'decodeURI', 'RangeError'],
  ...['TypeError', 'SyntaxError', 'EvalError', 'ReferenceError', 'URIError', 'WeakMap', 'WeakSet'],
  ...['Reflect', 'Proxy', 'Promise', 'Function', 'eval', 'escape', 'unescape'],
  ...['Uint8Array', 'Int8Array', 'Uint16Array', 'Int16Array', 'Uint32Array', 'Int32Array'],
  ...['Float32Array', 'Float64Array', 'Uint8ClampedArray', 'ArrayBuffer', 'DataView'],
  ...['Float16Array', 'BigInt64Array', 'BigUint64Array', 'SharedArrayBuffer', 'Iterator'],
  ...['AggregateError', 'InternalError'],
]);

const bareWord = /^[\p{L}_$][\p{L}\p{N}_$]*(?:-[\p{L}\p{N}_$]+)*$/u;
const literalWords = new Set(['true', 'false', 'null', 'this']);

/** A word that is no expression over the scope of a default, as in `default: en`, or `en-US`: it is meant as text. */
export function isTextWord(source: string): boolean {
  if (!bareWord.test(source) || literalWords.has(source)) return false;
  return source.split('-').every((part) => !alwaysInScope.has(part));
}
