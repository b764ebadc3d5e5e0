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
  const parents = ids.slice(0, -1);
  const above = parents.map((id, index) => `/${names[index]}/{${id}}`).join('');
  const collection = `/v${protocolVersion}${above}/${names.at(-1)}`;
  const object = `${collection}/{${ids.at(-1)}}`;
  const canRead = isPossible(access.read);
  const canCreate = isPossible(access.create);
  const canSend = canRead && isPossible(access.send);
  const paths: Record<string, JsonObject> = {
    [collection]: {
      ...(canRead && { get: readOperation(named, parents) }),
      ...(canCreate && { post: createOperation(named, parents, 'create') }),
    },
    [`${collection}/_query`]: { ...(canRead && { post: queryOperation(named, parents) }) },
    [`${collection}/_count`]: { ...(canRead && { post: countOperation(named, parents) }) },
    [object]: {
      ...(canRead && { get: getOperation(named, ids) }),
      ...(canCreate && { post: createOperation(named, ids, 'createAt') }),
      ...(isPossible(access.update) && { patch: updateOperation(named, ids) }),
      ...(isPossible(access.delete) && { delete: deleteOperation(named, ids) }),
    },
    [`${object}/_send`]: { ...(canSend && { post: sendOperation(named, ids) }) },
  };
  const isServed = ([, operations]: [string, JsonObject]) => Object.keys(operations).length > 0;
  return Object.fromEntries(Object.entries(paths).filter(isServed));
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

/** What `?history` returns in place of the object; beside the 200 response, as `events` are. */
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

interface Operation {
  /** Members that are extensions. */
  readonly extensions?: JsonObject;
  readonly parameters: JsonObject[];
  readonly body?: JsonObject;
  /** The responses when all went well. */
  readonly done: JsonObject;
  /** Refusals beside the usual ones. */
  readonly refused?: readonly number[];
}

function operation(
  { name, model }: NamedModel,
  kind: string,
  summary: string,
  { extensions, parameters, body, done, refused = [] }: Operation,
): JsonObject {
  const ofBody = body ? [413] : [];
  return {
    operationId: `${name}.${kind}`,
    tags: [model.names.join('/')],
    summary,
    ...extensions,
    parameters,
    ...(body && { requestBody: body }),
    responses: { ...done, ...refusals(409, 410, ...ofBody, ...refused) },
  };
}

const bodyOf = (schema: string): JsonObject => ({
  required: true,
  content: json(schemaRef(schema)),
});

function readOperation(named: NamedModel, parents: readonly string[]): JsonObject {
  const { name, model } = named;
  return operation(named, 'read', 'Read or count; as an event stream, subscribe', {
    extensions: events('Of a query, first `items` with the page.'),
    parameters: [
      ...idParameters(parents, idOrAny),
      fieldsParameter(model),
      sortParameter(),
      ...common('filter', 'values', 'ascending', 'limit', 'skip', 'paginationToken'),
      ...common('includeTotalCount', 'count', 'lastEventId', 'trace'),
    ],
    done: { 200: response('A page of objects, or their number.', `${name}.pageOrCount`) },
  });
}

function queryOperation(named: NamedModel, parents: readonly string[]): JsonObject {
  return operation(named, 'query', 'Read with a query in the body', {
    parameters: [...idParameters(parents, idOrAny), ...common('trace')],
    body: { content: json(schemaRef('Really.Query')) },
    done: { 200: response('A page of objects.', `${named.name}.page`) },
  });
}

function countOperation(named: NamedModel, parents: readonly string[]): JsonObject {
  return operation(named, 'count', 'Count with a query in the body', {
    parameters: [...idParameters(parents, idOrAny), ...common('trace')],
    body: { content: json(schemaRef('Really.CountQuery')) },
    done: { 200: response('How many objects there are.', 'Really.Count') },
  });
}

function getOperation(named: NamedModel, ids: readonly string[]): JsonObject {
  const { name, model } = named;
  return operation(named, 'get', 'Get an object; as an event stream, subscribe to it', {
    extensions: {
      ...events('First a snapshot. With `?presence` also the pushes of its room.'),
      ...history,
    },
    parameters: [
      ...idParameters(ids),
      fieldsParameter(model),
      ...common('ifNoneMatch', 'lastEventId', 'trace'),
    ],
    done: {
      200: response('The object.', `${name}.answer`, 'ETag'),
      304: response('The client has it already.', undefined, 'ETag'),
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
    body: bodyOf(`${name}.create`),
    done: { 201: response('Created.', `${name}.created`, 'Location', 'ETag') },
  });
}

function updateOperation(named: NamedModel, ids: readonly string[]): JsonObject {
  return operation(named, 'update', 'Update an object', {
    parameters: [...idParameters(ids), ...common('ifMatch', 'once', 'trace')],
    body: bodyOf('Really.Update'),
    done: { 200: response('Updated.', 'Really.Updated', 'ETag') },
    refused: [428],
  });
}

function deleteOperation(named: NamedModel, ids: readonly string[]): JsonObject {
  return operation(named, 'delete', 'Delete an object', {
    parameters: [...idParameters(ids), ...common('ifMatchOptional', 'once', 'trace')],
    done: { 204: response('Deleted.', undefined) },
  });
}

function sendOperation(named: NamedModel, ids: readonly string[]): JsonObject {
  return operation(named, 'send', 'Send a message to the room of an object', {
    parameters: [...idParameters(ids), ...common('trace')],
    body: bodyOf('Really.Send'),
    done: { 200: response('Accepted, which does not mean delivered.', 'Really.Sent') },
  });
}
