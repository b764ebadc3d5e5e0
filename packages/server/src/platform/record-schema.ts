import { isJsonObject, type JsonObject, type JsonValue, ownMember } from '@really/protocol';
import { type Static, type TProperties, type TSchema, Type } from '@really/protocol/schema';

/** The part of JSON Schema that stored and exported records use. */
interface RecordSchema {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  readonly properties?: Readonly<Record<string, RecordSchema>>;
  readonly required?: readonly string[];
  /** `false`: no members but `properties`; a schema: what other members have to be. */
  readonly additionalProperties?: boolean | RecordSchema;
  readonly items?: RecordSchema;
  readonly minimum?: number;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly RecordSchema[];
}

export const AnyValue = Type.Unsafe<JsonValue>({});
export const AnyObject = Type.Unsafe<JsonObject>({ type: 'object' });

/** A whole number of at least `minimum`. */
export const Whole = (minimum: number) => Type.Integer({ minimum });

/** An object whose members, by any names, fit the schema. */
export function RecordOf<S extends TSchema>(member: S) {
  return Type.Unsafe<Record<string, Static<S>>>({ type: 'object', additionalProperties: member });
}

/** An object with these members, and no others. */
export function Exact<P extends TProperties>(members: P) {
  return Type.Object(members, { additionalProperties: false });
}

/** True if the value fits the schema. */
export function fits<S extends TSchema>(schema: S, value: unknown): value is Static<S> {
  return misfitIn(schema, value) === undefined;
}

/**
 * The first thing in a value that does not fit: `rev: expected a whole number from 1 on, not "2"`.
 * `path`: where the value stands. `undefined` where all fits.
 */
export function misfitIn(schema: TSchema, value: unknown, path = ''): string | undefined {
  return misfit(schema as RecordSchema, value, path);
}

function misfit(schema: RecordSchema, value: unknown, path: string): string | undefined {
  if (!isOf(schema, value)) return unexpected(path, expectationOf(schema), value);
  if (schema.type !== 'object' || !isJsonObject(value)) return undefined;
  const { properties = {}, required = [], additionalProperties: others = true } = schema;
  const under = path === '' ? '' : `${path}.`;
  for (const [name, member] of Object.entries(properties)) {
    const given = ownMember(value, name);
    if (given === undefined && !required.includes(name)) continue;
    const found = misfit(member, given, `${under}${name}`);
    if (found !== undefined) return found;
  }
  if (others === true) return undefined;
  for (const [name, given] of Object.entries(value)) {
    if (Object.hasOwn(properties, name)) continue;
    const known = Object.keys(properties).join(', ');
    const found =
      others === false
        ? `${under}${name} is not known; expected ${known}`
        : misfit(others, given, `${under}${name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Whether the value itself is right; members of an object are not looked at. */
function isOf({ type, enum: choices, anyOf, minimum, items }: RecordSchema, value: unknown) {
  if (anyOf) return anyOf.some((alternative) => misfit(alternative, value, '') === undefined);
  if (choices) return choices.includes(value);
  switch (type) {
    case 'object':
      return isJsonObject(value);
    case 'array':
      return Array.isArray(value) && value.every((item) => !items || !misfit(items, item, ''));
    case 'integer':
      return Number.isSafeInteger(value) && Number(value) >= (minimum ?? Number.NEGATIVE_INFINITY);
    case 'string':
    case 'number':
    case 'boolean':
      return typeof value === type;
    case undefined:
      return value !== undefined;
    default:
      return type satisfies never;
  }
}

function expectationOf({ type, enum: choices, anyOf, minimum }: RecordSchema): string {
  if (anyOf) return 'another form';
  if (choices) return choices.join(', ');
  switch (type) {
    case 'object':
      return 'an object';
    case 'array':
      return 'a list of texts';
    case 'integer':
      return `a whole number from ${minimum} on`;
    case 'string':
      return 'a text';
    case 'number':
      return 'a number';
    case 'boolean':
      return 'true or false';
    case undefined:
      return 'a value';
    default:
      return type satisfies never;
  }
}

/** `data: expected an object, not []`. */
export function unexpected(path: string, expected: string, value: unknown): string {
  const where = path === '' ? '' : `${path}: `;
  return `${where}expected ${expected}, not ${shown(value)}`;
}

/** A value shortened for a message. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
