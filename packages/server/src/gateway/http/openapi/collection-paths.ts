import { commandSchemas, type JsonObject } from '@really/protocol';
import type { Rule } from '../../../model/model.js';
import type { NamedModel } from '../../../model/typescript/types-of-models.js';
import { protocolVersion } from '../../server/socket-path.js';
import { refusals } from './errors.js';
import { common, fieldsParameter, memberOf, sortParameter } from './parameters.js';

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

const schemaRef = (name: string): JsonObject => ({ $ref: `#/components/schemas/${name}` });

const json = (schema: JsonObject): JsonObject => ({ 'application/json': { schema } });

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

const headers = (...names: readonly string[]): JsonObject =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));

const cached = ['Cache-Control', 'Vary'];

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
      200: {
        description: 'A page of objects, or their number.',
        headers: headers(...cached),
        content: json(schemaRef(`${name}.pageOrCount`)),
      },
      ...refusals(409, 410),
    },
  });
}

function queryOperation(named: NamedModel, parents: readonly string[]): JsonObject {
  return operation(named, 'query', 'Read with a query in the body', {
    parameters: [...idParameters(parents, idOrAny), ...common('trace')],
    requestBody: { content: json(schemaRef('Really.Query')) },
    responses: {
      200: {
        description: 'A page of objects.',
        headers: headers(...cached),
        content: json(schemaRef(`${named.name}.page`)),
      },
      ...refusals(409, 410, 413),
    },
  });
}

function countOperation(named: NamedModel, parents: readonly string[]): JsonObject {
  return operation(named, 'count', 'Count with a query in the body', {
    parameters: [...idParameters(parents, idOrAny), ...common('trace')],
    requestBody: { content: json(schemaRef('Really.CountQuery')) },
    responses: {
      200: {
        description: 'How many objects there are.',
        headers: headers(...cached),
        content: json(schemaRef('Really.Count')),
      },
      ...refusals(409, 410, 413),
    },
  });
}

function getOperation(named: NamedModel, ids: readonly string[]): JsonObject {
  const { name, model } = named;
  return operation(named, 'get', 'Get an object; as an event stream, subscribe to it', {
    ...events('First a snapshot.'),
    parameters: [
      ...idParameters(ids),
      fieldsParameter(model),
      ...common('ifNoneMatch', 'lastEventId', 'trace'),
    ],
    responses: {
      200: {
        description: 'The object.',
        headers: headers('ETag', ...cached),
        content: json(schemaRef(`${name}.answer`)),
      },
      304: { description: 'The client has it already.', headers: headers('ETag', ...cached) },
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
      201: {
        description: 'Created.',
        headers: headers('Location', 'ETag', ...cached),
        content: json(schemaRef(`${name}.created`)),
      },
      ...refusals(409, 410, 413),
    },
  });
}

function updateOperation(named: NamedModel, ids: readonly string[]): JsonObject {
  return operation(named, 'update', 'Update an object', {
    parameters: [...idParameters(ids), ...common('ifMatch', 'once', 'trace')],
    requestBody: { required: true, content: json(schemaRef('Really.Update')) },
    responses: {
      200: {
        description: 'Updated.',
        headers: headers('ETag', ...cached),
        content: json(schemaRef('Really.Updated')),
      },
      ...refusals(409, 410, 413, 428),
    },
  });
}

function deleteOperation(named: NamedModel, ids: readonly string[]): JsonObject {
  return operation(named, 'delete', 'Delete an object', {
    parameters: [...idParameters(ids), ...common('ifMatchOptional', 'once', 'trace')],
    responses: {
      204: { description: 'Deleted.', headers: headers(...cached) },
      ...refusals(409, 410),
    },
  });
}

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
