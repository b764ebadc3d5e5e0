/** The part of JSON Schema that the messages are written in. */
export interface MessageSchema {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'boolean';
  readonly properties?: Readonly<Record<string, MessageSchema>>;
  readonly required?: readonly string[];
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
