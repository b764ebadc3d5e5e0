import type { TSchema } from '../typebox.js';
import { isJsonObject } from '../json.js';
import { ArgumentErrors } from './argument-errors.js';
import { explain } from './explain.js';
import { amountOf, isWithin, type MessageSchema } from './message-schema.js';

type Check = (value: unknown) => boolean;

/**
 * Makes a schema into a check that throws 400 `request.invalid` with every member that is wrong.
 *
 * The check is a tree of closures that is made once. (The compiler of the schema library makes code
 * from text, which a page's security policy may forbid, and loading it costs every worker thread and
 * every call of the command line 100 ms. It is 0.3 µs faster for an update.)
 */
export function checkerOf(message: TSchema): (value: unknown) => void {
  const schema = message as MessageSchema;
  const check = compile(schema);
  return (value) => {
    if (check(value)) return;
    const errors = new ArgumentErrors();
    explain(schema, value, '', errors);
    errors.throwIfAny();
  };
}

function compile(schema: MessageSchema): Check {
  if (schema.anyOf) return choice(schema.anyOf.map(compile));
  if (schema.enum) return oneOf(schema.enum);
  switch (schema.type) {
    case 'object':
      return schema.properties ? members(schema.properties, schema.required) : isJsonObject;
    case 'array':
      return list(schema);
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

function members(
  properties: Readonly<Record<string, MessageSchema>>,
  required: readonly string[] = [],
): Check {
  const checks = Object.entries(properties).map(([name, schema]) => {
    return { name, check: compile(schema), required: required.includes(name) };
  });
  return (value) => {
    if (!isJsonObject(value)) return false;
    for (const member of checks) {
      const given = value[member.name];
      if (given === undefined ? member.required : !member.check(given)) return false;
    }
    return true;
  };
}

function list({ items = {}, minItems, maxItems }: MessageSchema): Check {
  const check = compile(items);
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
