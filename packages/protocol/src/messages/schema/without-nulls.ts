import {
  isJsonObject,
  type JsonObject,
  type JsonValue,
  ownMember,
  setMember,
} from '../../json/json.js';
import { keepRounded } from '../../json/json-text.js';
import { isNullable, type MessageSchema } from './message-schema.js';

/**
 * A valid message without its optional members that are null: serializers write them so. A message
 * without any is returned unchanged.
 */
export function withoutNulls(schema: MessageSchema, value: JsonValue): JsonValue {
  const fitting = alternativeFor(schema, value);
  const { items, properties } = fitting;
  if (Array.isArray(value)) {
    return items ? value.map((element) => withoutNulls(items, element)) : value;
  }
  return isJsonObject(value) && properties ? copied(fitting, value) : value;
}

function copied(schema: MessageSchema, value: JsonObject): JsonObject {
  const copy: JsonObject = {};
  for (const [name, member] of Object.entries(value)) {
    if (member === null && isNullable(schema, name)) continue;
    const known = ownMember(schema.properties ?? {}, name);
    setMember(copy, name, known ? withoutNulls(known, member) : member);
  }
  keepRounded(value, copy);
  return copy;
}

/** Of a union, the alternative for values of this type; the union where there is none. */
export function alternativeFor(schema: MessageSchema, value: unknown): MessageSchema {
  const type = Array.isArray(value) ? 'array' : typeof value;
  return schema.anyOf?.find((alternative) => alternative.type === type) ?? schema;
}
