import { type JsonObject, type JsonValue, setMember } from '@really/protocol';
import type { Expression, Node, Property, UnaryExpression } from 'acorn';

/** The value of a JavaScript literal, including lists and objects of literals, as JSON; `undefined` if it is not a literal. */
export function literalValue(node: Node): { readonly value: JsonValue } | undefined {
  const expression = node as Expression;
  switch (expression.type) {
    case 'Literal':
      return plainLiteral(expression.value);
    case 'UnaryExpression':
      return negative(expression);
    case 'ArrayExpression':
      return listLiteral(expression.elements);
    case 'ObjectExpression':
      return objectLiteral(expression.properties);
    default:
      return undefined;
  }
}

function plainLiteral(value: unknown): { value: JsonValue } | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return { value };
  return typeof value === 'number' && Number.isFinite(value) ? { value } : undefined;
}

function negative(node: UnaryExpression): { value: JsonValue } | undefined {
  if (node.operator !== '-' || node.argument.type !== 'Literal') return undefined;
  const { value } = node.argument;
  return typeof value === 'number' && value !== 0 ? plainLiteral(-value) : undefined;
}

function listLiteral(elements: readonly (Node | null)[]): { value: JsonValue } | undefined {
  const value: JsonValue[] = [];
  for (const element of elements) {
    const literal = element === null ? undefined : literalValue(element);
    if (literal === undefined) return undefined;
    value.push(literal.value);
  }
  return { value };
}

function objectLiteral(properties: readonly Node[]): { value: JsonValue } | undefined {
  const value: JsonObject = {};
  for (const node of properties) {
    const property = node as Property;
    const name = property.type === 'Property' ? propertyName(property) : undefined;
    const literal = name === undefined ? undefined : literalValue(property.value);
    if (name === undefined || literal === undefined) return undefined;
    setMember(value, name, literal.value);
  }
  return { value };
}

function propertyName({ key, computed, kind, shorthand }: Property): string | undefined {
  if (computed || kind !== 'init' || shorthand) return undefined;
  const name =
    key.type === 'Identifier' ? key.name : key.type === 'Literal' ? key.value : undefined;
  // In a literal this name sets the prototype.
  return typeof name === 'string' && name !== '__proto__' ? name : undefined;
}
