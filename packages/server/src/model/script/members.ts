/**
 * Names that a value has beside its own data: methods of its prototype. A closure never hands one
 * out; an expression that asks for one goes to the sandbox.
 */

/** Of every object. Also refused as the names of fields. */
export function isObjectMember(name: string): boolean {
  return objectMembers.has(name);
}

const objectMembers = new Set([...Object.getOwnPropertyNames(Object.prototype), '__proto__']);
// Engines differ in how far they are with the newest methods: what any of them may have counts.
const newer = ['at', 'with', 'group', 'groupToMap', 'isWellFormed', 'toWellFormed'];
const listMembers = membersOf(Array.prototype);
const textMembers = membersOf(String.prototype);
const numberMembers = membersOf(Number.prototype);
const booleanMembers = membersOf(Boolean.prototype);

function membersOf(prototype: object): ReadonlySet<string> {
  return new Set([...Object.getOwnPropertyNames(prototype), ...newer]);
}

/** Whether a value that has no such member itself inherits one from its prototype (`Object.prototype` aside). */
export function inheritsMember(value: boolean | number | string | object, name: string): boolean {
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
