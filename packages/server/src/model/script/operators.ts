import type { JsonValue } from '@really/protocol';
import type { BinaryOperator, UnaryOperator } from 'acorn';

/** Values of expressions: JSON, or undefined. */
export type Value = JsonValue | undefined;

/**
 * Thrown by a closure in a case that needs a whole engine: an object in arithmetic, a method of a text. The sandbox
 * then runs the expression from the beginning, which is possible because simple expressions have no effects.
 */
export class BeyondClosure extends Error {
  override readonly name = 'BeyondClosure';
}

/** A shared instance: its stack is useless. */
const beyond = new BeyondClosure('only the sandbox can tell');

export function giveUp(): never {
  throw beyond;
}

/** Maximum characters of a text that a closure makes. Longer texts are made in the sandbox, where memory is counted. */
const longestText = 1 << 20;

type Primitive = null | boolean | number | string | undefined;

function primitive(value: Value): Primitive {
  return typeof value === 'object' && value !== null ? giveUp() : value;
}

function isObject(value: Value): boolean {
  return typeof value === 'object' && value !== null;
}

export function textOf(value: Value): string {
  return String(primitive(value));
}

export function joined(left: string, right: string): string {
  return left.length + right.length > longestText ? giveUp() : left + right;
}

function add(left: Value, right: Value): Value {
  const a = primitive(left);
  const b = primitive(right);
  if (typeof a === 'string' || typeof b === 'string') return joined(String(a), String(b));
  return Number(a) + Number(b);
}

function looselyEqual(left: Value, right: Value): boolean {
  if (left === undefined || left === null) return right === undefined || right === null;
  if (right === undefined || right === null) return false;
  const a = primitive(left);
  const b = primitive(right);
  // biome-ignore lint/suspicious/noDoubleEquals: this is the operator of the language.
  return a == b;
}

/** In the sandbox every name has a copy of its own; here two names may share one object. */
function strictlyEqual(left: Value, right: Value): boolean {
  return isObject(left) && isObject(right) ? giveUp() : left === right;
}

/** `target.includes(value)`, for lists and texts. Objects in a list are compared by identity, which is the sandbox's. */
export function includes(target: Exclude<Value, undefined | null>, value: Value): boolean {
  if (typeof target === 'string' && typeof value === 'string') return target.includes(value);
  if (!Array.isArray(target) || isObject(value)) return giveUp();
  return target.includes(value as JsonValue);
}

/** -1, 0, 1, or NaN if they are not ordered. */
function order(left: Value, right: Value): number {
  const a = primitive(left);
  const b = primitive(right);
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0;
  const x = Number(a);
  const y = Number(b);
  return x < y ? -1 : x > y ? 1 : x === y ? 0 : Number.NaN;
}

function numeric(work: (a: number, b: number) => number): BinaryWork {
  return (left, right) => {
    const a = primitive(left);
    const b = primitive(right);
    return work(Number(a), Number(b));
  };
}

type BinaryWork = (left: Value, right: Value) => Value;

/** `**` is left out: engines round it differently. */
export const binaryOperators: Partial<Record<BinaryOperator, BinaryWork>> = {
  '==': looselyEqual,
  '!=': (left, right) => !looselyEqual(left, right),
  '===': strictlyEqual,
  '!==': (left, right) => !strictlyEqual(left, right),
  '<': (left, right) => order(left, right) < 0,
  '<=': (left, right) => order(left, right) <= 0,
  '>': (left, right) => order(left, right) > 0,
  '>=': (left, right) => order(left, right) >= 0,
  '+': add,
  '-': numeric((a, b) => a - b),
  '*': numeric((a, b) => a * b),
  '/': numeric((a, b) => a / b),
  '%': numeric((a, b) => a % b),
  '&': numeric((a, b) => a & b),
  '|': numeric((a, b) => a | b),
  '^': numeric((a, b) => a ^ b),
  '<<': numeric((a, b) => a << b),
  '>>': numeric((a, b) => a >> b),
  '>>>': numeric((a, b) => a >>> b),
};

export const unaryOperators: Partial<Record<UnaryOperator, (value: Value) => Value>> = {
  '!': (value) => !value,
  '-': (value) => -Number(primitive(value)),
  '+': (value) => Number(primitive(value)),
  '~': (value) => ~Number(primitive(value)),
  typeof: (value) => typeof value,
  void: () => undefined,
};
