import { type JsonObject, ownMember } from '../../json/json.js';

/** The part of JSON Schema that the messages use. */
export interface MessageSchema {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'boolean';
  readonly properties?: Readonly<Record<string, MessageSchema>>;
  readonly required?: readonly string[];
  /** `false`: members other than `properties` are refused. */
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

/** The size that a limit applies to: for a text its code points, as in JSON Schema. */
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

/** Whether null counts as absent: the member is optional, and null is no value of its own. */
export function isNullable(
  { properties = {}, required = [] }: MessageSchema,
  name: string,
): boolean {
  const member = ownMember(properties, name);
  const takesNull = member !== undefined && !member.type && !member.anyOf && !member.enum;
  return !required.includes(name) && !takesNull;
}

/** A member that the schema refuses as unknown. One that is null counts as absent. */
export function unknownIn(schema: MessageSchema, value: JsonObject): string | undefined {
  const { properties = {}, additionalProperties } = schema;
  if (additionalProperties !== false) return undefined;
  for (const name in value) {
    if (!Object.hasOwn(properties, name) && value[name] !== null) return name;
  }
  return undefined;
}
