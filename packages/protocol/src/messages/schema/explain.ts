import { isJsonObject, type JsonObject, ownMember } from '../../json/json.js';
import { nearestName } from '../../nearest-name.js';
import type { ArgumentErrors } from './argument-errors.js';
import { amountOf, isNullable, isWithin, type MessageSchema, unknownIn } from './message-schema.js';
import { alternativeFor } from './without-nulls.js';

/** Adds what was expected, by path, for everything in `value` that does not match the schema. */
export function explain(
  schema: MessageSchema,
  value: unknown,
  path: string,
  errors: ArgumentErrors,
): void {
  const fitting = alternativeFor(schema, value);
  const expected = expectation(fitting, value);
  if (expected !== undefined) errors.add(path, expected);
  else if (isJsonObject(value)) explainMembers(fitting, value, path, errors);
  else if (fitting.items && Array.isArray(value)) {
    for (const [index, element] of value.entries()) {
      if (errors.isFull) break;
      explain(fitting.items, element, `${path}[${index}]`, errors);
    }
  }
}

function explainMembers(
  schema: MessageSchema,
  value: JsonObject,
  path: string,
  errors: ArgumentErrors,
): void {
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    const given = ownMember(value, name);
    if (given === undefined && !schema.required?.includes(name)) continue;
    if (given === null && isNullable(schema, name)) continue;
    explain(member, given, path === '' ? name : `${path}.${name}`, errors);
  }
  const unknown = unknownIn(schema, value);
  if (unknown !== undefined) errors.add(...unknownMember(path, unknown, schema));
}

/** Characters of a name that is repeated in an error. */
const longestName = 64;

function unknownMember(
  path: string,
  name: string,
  { properties = {} }: MessageSchema,
): [path: string, ...details: string[]] {
  const isIn = ([, member]: [string, MessageSchema]) =>
    Object.hasOwn(member.properties ?? {}, name);
  const [outer] = Object.entries(properties).find(isIn) ?? [];
  const nearest = outer ? `${outer}.${name}` : nearestName(name, Object.keys(properties));
  const details = nearest === undefined ? [] : [`expected.${nearest}`];
  return [`${path}.${name.slice(0, longestName)}`, 'member.unknown', ...details];
}

/** What the schema expects of the value itself (not of its content), where it does not match. */
function expectation(schema: MessageSchema, value: unknown): string | undefined {
  if (schema.anyOf) {
    const wanted = schema.anyOf.map((alternative) =>
      expectation(alternative, value)?.replace('expected.', ''),
    );
    return wanted.includes(undefined) ? undefined : `expected.${wanted.join('.or.')}`;
  }
  if (schema.enum) {
    return schema.enum.includes(value) ? undefined : `expected.${schema.enum.join('.or.')}`;
  }
  switch (schema.type) {
    case 'object':
      return isJsonObject(value) ? undefined : 'expected.object';
    case 'array':
      if (!Array.isArray(value)) return 'expected.list';
      return bounds(amountOf(value, undefined), schema.minItems, schema.maxItems, '.elements');
    case 'string': {
      if (typeof value !== 'string') return 'expected.string';
      const { minLength, maxLength } = schema;
      return bounds(amountOf(value, maxLength), minLength, maxLength, '.characters');
    }
    case 'integer':
      if (typeof value !== 'number' || !Number.isInteger(value)) return 'expected.integer';
      return bounds(value, schema.minimum, schema.maximum, '');
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'expected.boolean';
    case undefined:
      return value === undefined ? 'expected.value' : undefined;
    default:
      return schema.type satisfies never;
  }
}

/** `expected.from.1.to.1000`, `expected.from.1.to.64.characters`; `undefined` within the limits. */
function bounds(
  amount: number,
  least: number | undefined,
  most: number | undefined,
  unit: string,
): string | undefined {
  if (isWithin(amount, least, most)) return undefined;
  return `expected.from.${least ?? 0}${most === undefined ? '' : `.to.${most}`}${unit}`;
}
