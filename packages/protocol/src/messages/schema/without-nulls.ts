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
  if (Array.isArray(value)) {
    const { items } = schema;
    return items ? value.map((element) => withoutNulls(items, element)) : value;
  }
  const { properties } = objectSchema(schema);
  return isJsonObject(value) && properties ? copied(objectSchema(schema), value) : value;
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

/** Of a union, the alternative for objects. */
export function objectSchema(schema: MessageSchema): MessageSchema {
  return schema.anyOf?.find((alternative) => alternative.type === 'object') ?? schema;
}
