import { type JsonObject, ownMember } from '../../json/json.js';

/** The part of JSON Schema that the messages are written in. */
export interface MessageSchema {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'boolean';
  readonly properties?: Readonly<Record<string, MessageSchema>>;
  readonly required?: readonly string[];
  /** `false`: members that are not among the `properties` are refused. */
  readonly additionalProperties?: boolean;
  readonly items?: MessageSchema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly MessageSchema[];
}

/** How many of them a bound speaks of: the characters of a text are its code points, as in JSON Schema. */
export function amountOf(value: string | readonly unknown[], most: number | undefined): number {
  const counted = typeof value === 'string' && value.length > (most ?? Number.POSITIVE_INFINITY);
  return counted ? [...value].length : value.length;
}

export function isWithin(
  amount: number,
  least: number | undefined,
  most: number | undefined,
): boolean {
  return (
    amount >= (least ?? Number.NEGATIVE_INFINITY) && amount <= (most ?? Number.POSITIVE_INFINITY)
  );
}

/** Whether null stands for an absent member: it may be absent, and null is no value of its own. */
export function isNullable(
  { properties = {}, required = [] }: MessageSchema,
  name: string,
): boolean {
  const member = ownMember(properties, name);
  const takesNull = member !== undefined && !member.type && !member.anyOf && !member.enum;
  return !required.includes(name) && !takesNull;
}

/** A member that a schema does not know and refuses. One that is null is as good as absent. */
export function unknownIn(schema: MessageSchema, value: JsonObject): string | undefined {
  const { properties = {}, additionalProperties } = schema;
  if (additionalProperties !== false) return undefined;
  for (const name in value) {
    if (!Object.hasOwn(properties, name) && value[name] !== null) return name;
  }
  return undefined;
}
