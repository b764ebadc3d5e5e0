/** What a read finds, in which order, and how much of it. */
export interface ListQuery<Field extends string = string> {
  /** In RQL: `age >= $min and active = true`. All objects without it. */
  readonly filter?: string | undefined;
  /** The values of the filter's names: `{ min: 18 }`. */
  readonly values?: Readonly<Record<string, unknown>> | undefined;
  /** Fields, `-name` for descending: `-priority,name`, or a list. Without it the newest id comes first. */
  readonly sort?: string | readonly string[] | undefined;
  /** The oldest id first. Not together with `sort`. */
  readonly ascending?: boolean | undefined;
  /** 1 to 1,000; 200 by default. */
  readonly limit?: number | undefined;
  /** Names of fields, and of field sets as `@card`; all of them without it. */
  readonly fields?: readonly Field[] | undefined;
}

/** `cmdOpts` of a read. What is undefined is not sent. */
export function readOptions(query: ListQuery): Readonly<Record<string, unknown>> {
  const { filter, values, sort, ascending, limit, fields } = query;
  const rql = filter === undefined ? undefined : { filter, values };
  return { sort, ascending, limit, fields, query: rql };
}

/** Throws a `TypeError` where a live list cannot be asked for: of a wrong order or wrong fields, or of values that are no JSON. */
export function checkQuery(query: ListQuery): void {
  const { sort = '', fields = [] } = query;
  if (![sort].flat().every(isText)) {
    throw new TypeError(`${sort} is no order: expected one such as -priority,name`);
  }
  if (!Array.isArray(fields) || !fields.every(isText)) {
    throw new TypeError('fields: expected a list of names');
  }
  JSON.stringify(query);
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}
