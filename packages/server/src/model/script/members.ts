import type { MemberExpression } from 'acorn';
import { giveUp, type Value } from './operators.js';

/**
 * Names that a value has besides its own data: methods of its prototype. A closure never returns one; an expression
 * that reads one runs in the sandbox.
 */

/** Of every object. Also refused as the names of fields. */
export function isObjectMember(name: string): boolean {
  return objectMembers.has(name);
}

const objectMembers = new Set([...Object.getOwnPropertyNames(Object.prototype), '__proto__']);
// Engines differ in their newest methods: any method of any of them counts.
const newer = ['at', 'with', 'group', 'groupToMap', 'isWellFormed', 'toWellFormed'];
const listMembers = membersOf(Array.prototype);
const textMembers = membersOf(String.prototype);
const numberMembers = membersOf(Number.prototype);
const booleanMembers = membersOf(Boolean.prototype);

function membersOf(prototype: object): ReadonlySet<string> {
  return new Set([...Object.getOwnPropertyNames(prototype), ...newer]);
}

/** Whether a value that has no such member itself inherits one from its prototype (`Object.prototype` aside). */
function inheritsMember(value: boolean | number | string | object, name: string): boolean {
  switch (typeof value) {
    case 'string':
      return textMembers.has(name);
    case 'number':
      return numberMembers.has(name);
    case 'boolean':
      return booleanMembers.has(name);
    default:
      return Array.isArray(value) && listMembers.has(name);
  }
}

/** The name in `a.name`, `a["name"]` or `a[0]`; `undefined` if it is computed. */
export function memberName(node: MemberExpression): string | undefined {
  const { property } = node;
  if (!node.computed) return property.type === 'Identifier' ? property.name : undefined;
  if (property.type !== 'Literal') return undefined;
  const { value } = property;
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}

/** A member of a value's own data. Throws if the value inherits a member of that name. */
export function readMember(target: Exclude<Value, undefined | null>, name: string): Value {
  if (typeof target === 'object') {
    if (Object.hasOwn(target, name)) return (target as Record<string, Value>)[name];
  } else if (typeof target === 'string') {
    if (name === 'length') return target.length;
    const index = Number(name);
    if (String(index) === name && index >= 0 && index < target.length) return target[index];
  }
  return inheritsMember(target, name) ? giveUp() : undefined;
}
