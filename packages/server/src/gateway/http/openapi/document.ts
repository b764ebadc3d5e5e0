import { commandSchemas, isSystemName, type JsonObject } from '@really/protocol';
import type { ModelSet } from '../../../model/model.js';
import { namedModels } from '../../../model/typescript/types-of-models.js';
import { protocolVersion } from '../../server/socket-path.js';
import { authPaths } from './auth-paths.js';
import { collectionPaths } from './collection-paths.js';
import { collectionSchemas } from './collection-schemas.js';
import { errorResponses, errorSchemas } from './errors.js';
import { anyObject, closedObject, commonParameters, memberOf, openObject } from './parameters.js';
import { usedComponents } from './used-components.js';

export interface DocumentOptions {
  /** Leave out collections whose model says `hidden`. */
  readonly withoutHidden: boolean;
  /** Whether a path outside the collections is served. */
  readonly isServed: (path: string) => boolean;
}

/** Rule OAS1: an OpenAPI 3.1 document of an app's HTTP interface, made from its models. */
export function openApiDocument(models: ModelSet, options: DocumentOptions): JsonObject {
  const visible = visibleModels(models, options);
  const listed = namedModels(visible.all());
  const paths: JsonObject = {
    ...Object.assign({}, ...listed.map(collectionPaths)),
    ...authPaths(options.isServed),
  };
  const components: Record<string, JsonObject> = {
    schemas: {
      ...Object.assign({}, ...listed.map((named) => collectionSchemas(visible, named))),
      ...commonSchemas,
      ...errorSchemas,
    },
    parameters: commonParameters,
    headers,
    responses: errorResponses(),
  };
  return {
    openapi: '3.1.1',
    info: {
      title: 'Really',
      version: protocolVersion,
      license: { name: 'Apache 2.0', identifier: 'Apache-2.0' },
      description: `Objects of this app. For live updates: a WebSocket at \`/v${protocolVersion}/socket\`.`,
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }, { accessToken: [] }],
    tags: listed.map(({ model }) => ({
      name: model.names.join('/'),
      description: `Version ${model.version} of the model.`,
    })),
    paths,
    components: { ...usedComponents(paths, components), securitySchemes },
  };
}

/** The models in the document; collections below a hidden one are hidden, too. */
function visibleModels(models: ModelSet, { withoutHidden }: DocumentOptions): ModelSet {
  const isHidden = (names: readonly string[]) =>
    names.some((_, index) => models.get(names.slice(0, index + 1))?.access.hidden === true);
  const isVisible = (names: readonly string[]) =>
    !names.some(isSystemName) && !(withoutHidden && isHidden(names));
  return {
    get: (names) => (isVisible(names) ? models.get(names) : undefined),
    all: () => models.all().filter(({ names }) => isVisible(names)),
  };
}

const text = { type: 'string' };
const amount = { type: 'integer', minimum: 0 };
const positive = { type: 'integer', minimum: 1 };
const { read, count, send, update } = commandSchemas;

const commonSchemas: JsonObject = {
  'Really.Tokens': openObject({ nextToken: text, prevToken: text }, ['nextToken', 'prevToken']),
  'Really.Query': without(memberOf(read, 'cmdOpts'), 'subscribe', 'since'),
  'Really.CountQuery': memberOf(count, 'cmdOpts'),
  'Really.Count': closedObject(
    { r: text, body: closedObject({ totalResults: amount }, ['totalResults']) },
    ['r', 'body'],
  ),
  'Really.History': closedObject(
    {
      r: text,
      body: closedObject(
        {
          entries: {
            type: 'array',
            items: closedObject(
              {
                rev: positive,
                evt: { enum: ['created', 'updated', 'deleted'] },
                at: { type: 'string', format: 'date-time' },
                opBy: anyObject,
                cause: text,
                body: anyObject,
              },
              ['rev', 'evt'],
            ),
          },
          next: positive,
        },
        ['entries'],
      ),
    },
    ['r', 'body'],
  ),
  'Really.Send': memberOf(send, 'body'),
  'Really.Sent': closedObject({ r: text }, ['r']),
  'Really.Update': memberOf(update, 'body'),
  'Really.Updated': closedObject(
    { r: text, rev: positive, meta: openObject({ repeated: { const: true } }) },
    ['r', 'rev'],
  ),
};

function without(schema: JsonObject, ...names: readonly string[]): JsonObject {
  const members = Object.entries(schema.properties ?? {});
  const properties = Object.fromEntries(members.filter(([name]) => !names.includes(name)));
  return { ...schema, properties };
}

const header = (description: string, type = 'string'): JsonObject => ({
  description,
  schema: { type },
});

const headers: JsonObject = {
  ETag: header(
    'In quotes, opaque: changes with the revision, the store, and what the reader may see.',
  ),
  Location: header('The path of the object.'),
  'Cache-Control': header('`private, no-cache`.'),
  Vary: header('`Authorization` among others.'),
  'Retry-After': header('Seconds.', 'integer'),
};

const securitySchemes: JsonObject = {
  bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
  accessToken: { type: 'apiKey', in: 'query', name: 'access_token' },
  secret: { type: 'apiKey', in: 'header', name: 'X-Really-Secret' },
};
