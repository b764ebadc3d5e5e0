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
 * A message that its schema allows, without the members that may be absent and are null: serializers write them so.
 * What has none of these stays the same object.
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

/** Of a choice, the alternative that an object is meant to be. */
export function objectSchema(schema: MessageSchema): MessageSchema {
  return schema.anyOf?.find((one) => one.type === 'object') ?? schema;
}
