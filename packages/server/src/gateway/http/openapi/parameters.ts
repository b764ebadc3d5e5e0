import { commandSchemas, isJsonObject, type JsonObject } from '@really/protocol';
import type { Model } from '../../../model/model.js';

/** An object with any members: without `additionalProperties`, generators assume none. */
export const anyObject: JsonObject = { type: 'object', additionalProperties: true };

/** An object that may have further members. */
export const openObject = (
  properties: JsonObject,
  required: readonly string[] = [],
): JsonObject => ({
  type: 'object',
  ...(required.length > 0 && { required: [...required] }),
  properties,
});

/** An object without further members. */
export const closedObject = (
  properties: JsonObject,
  required: readonly string[] = [],
): JsonObject => ({ ...openObject(properties, required), additionalProperties: false });

export const schemaRef = (name: string): JsonObject => ({ $ref: `#/components/schemas/${name}` });

/** The content of a body or response. */
export const json = (schema: JsonObject): JsonObject => ({ 'application/json': { schema } });

/** A schema of the protocol as plain JSON. */
export function plain(schema: object): JsonObject {
  const copy: unknown = JSON.parse(JSON.stringify(schema), (_name, value: unknown) => {
    const isAny = isJsonObject(value) && value.type === 'object' && Object.keys(value).length === 1;
    return isAny ? anyObject : value;
  });
  if (!isJsonObject(copy)) throw new Error('a schema is an object');
  return copy;
}

/** The schema of a member, by its path through objects. */
export function memberOf(schema: object, ...path: readonly string[]): JsonObject {
  let current = plain(schema);
  for (const name of path) {
    const { properties } = current;
    const member = isJsonObject(properties) ? properties[name] : undefined;
    if (!isJsonObject(member)) throw new Error(`a schema has no member ${path.join('.')}`);
    current = member;
  }
  return current;
}

const parameterIn =
  (place: 'query' | 'header') =>
  (name: string, schema: JsonObject, description: string): JsonObject => {
    return { name, in: place, description, schema };
  };

const inQuery = parameterIn('query');
const inHeader = parameterIn('header');

const { read, create } = commandSchemas;
const text: JsonObject = { type: 'string' };

/** An option of a read. */
const option = (name: string, description: string): JsonObject =>
  inQuery(name, memberOf(read, 'cmdOpts', name), description);

/** Parameters of all collections, by component name. */
export const commonParameters = {
  filter: inQuery('filter', memberOf(read, 'cmdOpts', 'query', 'filter'), 'A filter in RQL.'),
  // As text, since generated clients write an object in a query as `values[name]=…`.
  values: inQuery(
    'values',
    { ...text, contentMediaType: 'application/json' },
    'Values for the `$names` of the filter: an object, as JSON.',
  ),
  ascending: option('ascending', 'Oldest ids first; not together with `sort`.'),
  limit: option('limit', 'Items of a page; 200 by default.'),
  skip: option('skip', 'Items to skip at the beginning.'),
  paginationToken: option('paginationToken', 'A token of an earlier page of the same read.'),
  includeTotalCount: option('includeTotalCount', 'Include the total number of items.'),
  count: {
    ...inQuery('count', { type: 'boolean' }, 'Only count; goes with `filter` and `values`.'),
    allowEmptyValue: true,
  },
  once: inHeader(
    'Idempotency-Key',
    memberOf(create, 'cmdOpts', 'once'),
    'A second write of the same user with the same key changes nothing and gets the first response.',
  ),
  trace: inHeader('X-Trace-Id', memberOf(read, 'traceId'), 'Appears in the log and in traces.'),
  ifMatch: {
    ...inHeader(
      'If-Match',
      text,
      'The revision last seen, bare or as an ETag; `*` for any revision.',
    ),
    required: true,
  },
  ifMatchOptional: inHeader(
    'If-Match',
    text,
    'The revision that the object must still have, or several; `*` for any.',
  ),
  ifNoneMatch: inHeader(
    'If-None-Match',
    text,
    'ETags that the client has: 304 if one of them is current.',
  ),
  lastEventId: inHeader(
    'Last-Event-ID',
    text,
    'For an event stream: the id of the last event received. `?lastEventId=` does the same.',
  ),
} satisfies JsonObject;

/** `fields`: names of the model, and its sets. */
export function fieldsParameter(model: Model): JsonObject {
  const sets = [...model.fieldSets.keys()].map((name) => `@${name}`);
  return {
    ...inQuery(
      'fields',
      { type: 'array', items: { type: 'string', enum: [...model.fields.keys(), ...sets] } },
      'Fields to return; by default all.',
    ),
    style: 'form',
    explode: false,
  };
}

export function sortParameter(): JsonObject {
  const description = 'Up to four fields to order by, with commas between; `-name` for descending.';
  return inQuery('sort', { type: 'string', minLength: 1 }, description);
}

/** References to `commonParameters`. */
export function common(...names: readonly (keyof typeof commonParameters)[]): JsonObject[] {
  return names.map((name) => ({ $ref: `#/components/parameters/${name}` }));
}
