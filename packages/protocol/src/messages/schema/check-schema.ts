import { isJsonObject, type JsonValue } from '../../json/json.js';
import type { TSchema } from '../../typebox.js';
import { ArgumentErrors } from './argument-errors.js';
import { explain } from './explain.js';
import { amountOf, isNullable, isWithin, type MessageSchema, unknownIn } from './message-schema.js';
import { withoutNulls } from './without-nulls.js';

type Check = (value: unknown) => boolean;

/**
 * Compiles a schema into a check that throws 400 `request.invalid` with every invalid member, and
 * returns the message without optional members that are null.
 *
 * The check is a tree of closures that is built once. (The compiler of the schema library generates
 * code from text, which a page's security policy may forbid, and loading it costs every worker
 * thread and every call of the command line 100 ms. It is 0.3 µs faster for an update.)
 */
export function checkerOf(message: TSchema): (value: JsonValue) => JsonValue {
  const schema = message as MessageSchema;
  const nulls: Nulls = { met: false };
  const check = compile(schema, nulls);
  return (value) => {
    nulls.met = false;
    if (check(value)) return nulls.met ? withoutNulls(schema, value) : value;
    const errors = new ArgumentErrors();
    explain(schema, value, '', errors);
    errors.throwIfAny();
    return value;
  };
}

/** Whether the check met an optional member that is null. */
interface Nulls {
  met: boolean;
}

function compile(schema: MessageSchema, nulls: Nulls): Check {
  if (schema.anyOf) return choice(schema.anyOf.map((alternative) => compile(alternative, nulls)));
  if (schema.enum) return oneOf(schema.enum);
  switch (schema.type) {
    case 'object':
      return schema.properties ? members(schema, nulls) : isJsonObject;
    case 'array':
      return list(schema, nulls);
    case 'string':
      return text(schema);
    case 'integer':
      return integer(schema);
    case 'boolean':
      return (value) => typeof value === 'boolean';
    case undefined:
      return (value) => value !== undefined;
    default:
      return schema.type satisfies never;
  }
}

function choice(checks: readonly Check[]): Check {
  return (value) => checks.some((check) => check(value));
}

function oneOf(values: readonly unknown[]): Check {
  return (value) => values.includes(value);
}

function members(schema: MessageSchema, nulls: Nulls): Check {
  const { properties = {}, required = [], additionalProperties } = schema;
  const checks = Object.entries(properties).map(([name, member]) => {
    return {
      name,
      check: compile(member, nulls),
      required: required.includes(name),
      nullable: isNullable(schema, name),
    };
  });
  const onlyKnown = additionalProperties === false;
  return (value) => {
    if (!isJsonObject(value)) return false;
    for (const member of checks) {
      const given = value[member.name];
      if (given === null && member.nullable) nulls.met = true;
      else if (given === undefined ? member.required : !member.check(given)) return false;
    }
    return !onlyKnown || unknownIn(schema, value) === undefined;
  };
}

function list({ items = {}, minItems, maxItems }: MessageSchema, nulls: Nulls): Check {
  const check = compile(items, nulls);
  return (value) =>
    Array.isArray(value) && isWithin(value.length, minItems, maxItems) && value.every(check);
}

function text({ minLength, maxLength }: MessageSchema): Check {
  if (minLength === undefined && maxLength === undefined) {
    return (value) => typeof value === 'string';
  }
  return (value) =>
    typeof value === 'string' && isWithin(amountOf(value, maxLength), minLength, maxLength);
}

function integer({ minimum, maximum }: MessageSchema): Check {
  return (value) =>
    typeof value === 'number' && Number.isInteger(value) && isWithin(value, minimum, maximum);
}
