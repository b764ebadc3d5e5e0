import { commandSchemas, type JsonObject } from '@really/protocol';
import type { Rule } from '../../../model/model.js';
import type { NamedModel } from '../../../model/typescript/types-of-models.js';
import { protocolVersion } from '../../server/socket-path.js';
import { refusals } from './errors.js';
import { common, fieldsParameter, json, memberOf, schemaRef, sortParameter } from './parameters.js';

/** The paths of a collection and of its objects, without operations that nobody may do. */
export function collectionPaths(named: NamedModel): Record<string, JsonObject> {
  const { names, access } = named.model;
  const ids = idNames(names);
  const parents = names.slice(0, -1).map((name, index) => `/${name}/{${ids[index]}}`);
  const collection = `/v${protocolVersion}${parents.join('')}/${names.at(-1)}`;
  const parentIds = ids.slice(0, -1);
  const canRead = isPossible(access.read);
  const ofCollection: JsonObject = {
    ...(canRead && { get: readOperation(named, parentIds) }),
    ...(isPossible(access.create) && { post: createOperation(named, parentIds, 'create') }),
  };
  const ofObject: JsonObject = {
    ...(canRead && { get: getOperation(named, ids) }),
    ...(isPossible(access.create) && { post: createOperation(named, ids, 'createAt') }),
    ...(isPossible(access.update) && { patch: updateOperation(named, ids) }),
    ...(isPossible(access.delete) && { delete: deleteOperation(named, ids) }),
  };
  return Object.fromEntries(
    [
      [collection, ofCollection] as const,
      [`${collection}/_query`, canRead ? { post: queryOperation(named, parentIds) } : {}] as const,
      [`${collection}/_count`, canRead ? { post: countOperation(named, parentIds) } : {}] as const,
      [`${collection}/{${ids.at(-1)}}`, ofObject] as const,
      [
        `${collection}/{${ids.at(-1)}}/_send`,
        canRead && isPossible(access.send) ? { post: sendOperation(named, ids) } : {},
      ] as const,
    ].filter(([, operations]) => Object.keys(operations).length > 0),
  );
}

function isPossible({ constant }: Rule): boolean {
  return constant !== false;
}

/** Parameter names of the ids in a path, made unique: `/users/{usersId}/users/{usersId2}`. */
function idNames(names: readonly string[]): string[] {
  return names.map((name, index) => {
    const before = names.slice(0, index).filter((earlier) => earlier === name).length;
    return `${name}Id${before === 0 ? '' : before + 1}`;
  });
}

const id = '[A-Za-z0-9_-]{1,64}';

function idParameters(names: readonly string[], pattern = `^${id}$`): JsonObject[] {
  return names.map((name) => {
    return { name, in: 'path', required: true, schema: { type: 'string', pattern } };
  });
}

/** In a read, `*` stands for any parent. */
const idOrAny = `^(\\*|${id})$`;

/**
 * The stream of pushes that an operation sends if `text/event-stream` is accepted. Not a second
 * content type of the 200 response: a generated client asks for JSON, and would get a union with
 * text.
 */
const events = (first: string): JsonObject => ({
  'x-event-stream': {
    accept: 'text/event-stream',
    description: `${first} Then each push: \`event\` is its evt, \`data\` the push as JSON, \`id\` what Last-Event-ID takes. A comment comes every 15 s.`,
  },
});

/**
 * What `?history` returns in place of the object. Not a second type of the 200 response, as with
 * `events`.
 */
const history: JsonObject = {
  'x-history': {
    description:
      'With `?history` the revisions of the object, newest first; `before` and `limit` select them.',
    parameters: ['history', 'before', 'limit'].map((name) => ({
      name,
      in: 'query',
      schema:
        name === 'history'
          ? { type: 'boolean' }
          : memberOf(commandSchemas.history, 'cmdOpts', name),
    })),
    schema: schemaRef('Really.History'),
  },
};

const headers = (...names: readonly string[]): JsonObject =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));

/** A response with these headers, beside those of every response. */
const response = (
  description: string,
  schema: string | undefined,
  ...names: readonly string[]
): JsonObject => ({
  description,
  headers: headers(...names, 'Cache-Control', 'Vary'),
  ...(schema !== undefined && { content: json(schemaRef(schema)) }),
});

function operation(
  { name, model }: NamedModel,
  kind: string,
  summary: string,
  rest: JsonObject,
): JsonObject {
  return { operationId: `${name}.${kind}`, tags: [model.names.join('/')], summary, ...rest };
}

function readOperation(named: NamedModel, parents: readonly string[]): JsonObject {
  const { name, model } = named;
  return operation(named, 'read', 'Read or count; as an event stream, subscribe', {
    ...events('Of a query, first `items` with the page.'),
    parameters: [
      ...idParameters(parents, idOrAny),
      fieldsParameter(model),
      sortParameter(),
      ...common('filter', 'values', 'ascending', 'limit', 'skip', 'paginationToken'),
      ...common('includeTotalCount', 'count', 'lastEventId', 'trace'),
    ],
    responses: {
      200: response('A page of objects, or their number.', `${name}.pageOrCount`),
      ...refusals(409, 410),
    },
  });
}

function queryOperation(named: NamedModel, parents: readonly string[]): JsonObject {
  return operation(named, 'query', 'Read with a query in the body', {
    parameters: [...idParameters(parents, idOrAny), ...common('trace')],
    requestBody: { content: json(schemaRef('Really.Query')) },
    responses: {
      200: response('A page of objects.', `${named.name}.page`),
      ...refusals(409, 410, 413),
    },
  });
}

function countOperation(named: NamedModel, parents: readonly string[]): JsonObject {
  return operation(named, 'count', 'Count with a query in the body', {
    parameters: [...idParameters(parents, idOrAny), ...common('trace')],
    requestBody: { content: json(schemaRef('Really.CountQuery')) },
    responses: {
      200: response('How many objects there are.', 'Really.Count'),
      ...refusals(409, 410, 413),
    },
  });
}

function getOperation(named: NamedModel, ids: readonly string[]): JsonObject {
  const { name, model } = named;
  return operation(named, 'get', 'Get an object; as an event stream, subscribe to it', {
    ...events('First a snapshot. With `?presence` also the pushes of its room.'),
    ...history,
    parameters: [
      ...idParameters(ids),
      fieldsParameter(model),
      ...common('ifNoneMatch', 'lastEventId', 'trace'),
    ],
    responses: {
      200: response('The object.', `${name}.answer`, 'ETag'),
      304: response('The client has it already.', undefined, 'ETag'),
      ...refusals(409, 410),
    },
  });
}

function createOperation(
  named: NamedModel,
  ids: readonly string[],
  kind: 'create' | 'createAt',
): JsonObject {
  const { name } = named;
  const where = kind === 'create' ? 'under an id chosen by the server' : 'under this id';
  return operation(named, kind, `Create an object ${where}`, {
    parameters: [...idParameters(ids), ...common('once', 'trace')],
    requestBody: { required: true, content: json(schemaRef(`${name}.create`)) },
    responses: {
      201: response('Created.', `${name}.created`, 'Location', 'ETag'),
      ...refusals(409, 410, 413),
    },
  });
}

function updateOperation(named: NamedModel, ids: readonly string[]): JsonObject {
  return operation(named, 'update', 'Update an object', {
    parameters: [...idParameters(ids), ...common('ifMatch', 'once', 'trace')],
    requestBody: { required: true, content: json(schemaRef('Really.Update')) },
    responses: {
      200: response('Updated.', 'Really.Updated', 'ETag'),
      ...refusals(409, 410, 413, 428),
    },
  });
}

function deleteOperation(named: NamedModel, ids: readonly string[]): JsonObject {
  return operation(named, 'delete', 'Delete an object', {
    parameters: [...idParameters(ids), ...common('ifMatchOptional', 'once', 'trace')],
    responses: {
      204: response('Deleted.', undefined),
      ...refusals(409, 410),
    },
  });
}

function sendOperation(named: NamedModel, ids: readonly string[]): JsonObject {
  return operation(named, 'send', 'Send a message to the room of an object', {
    parameters: [...idParameters(ids), ...common('trace')],
    requestBody: { required: true, content: json(schemaRef('Really.Send')) },
    responses: {
      200: response('Accepted, which does not mean delivered.', 'Really.Sent'),
      ...refusals(409, 410, 413),
    },
  });
}

/** The body of a message to a room. */
export const sendBody = memberOf(commandSchemas.send, 'body');

/** The body of an update. */
export const updateBody = memberOf(commandSchemas.update, 'body');

/** Bodies of `_query`, which cannot subscribe, and of `_count`. */
export const queryBody = without(memberOf(commandSchemas.read, 'cmdOpts'), 'subscribe', 'since');
export const countBody = memberOf(commandSchemas.count, 'cmdOpts');

function without(schema: JsonObject, ...names: readonly string[]): JsonObject {
  const members = Object.entries(schema.properties ?? {});
  const properties = Object.fromEntries(members.filter(([name]) => !names.includes(name)));
  return { ...schema, properties };
}
