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

/** What a value of each type is, and how messages describe it. */
const types: Readonly<Record<NonNullable<RecordSchema['type']>, ValueType>> = {
  object: { is: isJsonObject, expected: () => 'an object' },
  array: {
    is: (value, { items }) =>
      Array.isArray(value) && value.every((item) => !items || !misfit(items, item, '')),
    expected: () => 'a list of texts',
  },
  integer: {
    is: (value, { minimum = Number.NEGATIVE_INFINITY }) =>
      Number.isSafeInteger(value) && Number(value) >= minimum,
    expected: ({ minimum }) => `a whole number from ${minimum} on`,
  },
  string: { is: (value) => typeof value === 'string', expected: () => 'a text' },
  number: { is: (value) => typeof value === 'number', expected: () => 'a number' },
  boolean: { is: (value) => typeof value === 'boolean', expected: () => 'true or false' },
};

interface ValueType {
  readonly is: (value: unknown, schema: RecordSchema) => boolean;
  readonly expected: (schema: RecordSchema) => string;
}

/** Whether the value itself is right; members of an object are not looked at. */
function isOf(schema: RecordSchema, value: unknown): boolean {
  const { type, enum: choices, anyOf } = schema;
  if (anyOf) return anyOf.some((alternative) => misfit(alternative, value, '') === undefined);
  if (choices) return choices.includes(value);
  return type === undefined ? value !== undefined : types[type].is(value, schema);
}

function expectationOf(schema: RecordSchema): string {
  const { type, enum: choices, anyOf } = schema;
  if (anyOf) return 'another form';
  if (choices) return choices.join(', ');
  return type === undefined ? 'a value' : types[type].expected(schema);
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
