import { errorTable, type JsonObject } from '@really/protocol';
import { closedObject, json, schemaRef } from './parameters.js';

/** A refusal: `error` says why, and `r` on which R, if known. */
export const errorSchemas: JsonObject = {
  'Really.ErrorBody': closedObject(
    {
      code: { type: 'integer' },
      message: { type: 'string' },
      errors: {
        type: 'object',
        description: 'What is wrong, by the path of the field or argument.',
        additionalProperties: { type: 'array', items: { type: 'string' } },
      },
      id: { type: 'string', description: 'Of a 500: what to search for in the log of the server.' },
    },
    ['code', 'message'],
  ),
  'Really.Error': closedObject(
    {
      r: { type: 'string' },
      error: schemaRef('Really.ErrorBody'),
      meta: closedObject({ retryAfter: { type: 'integer', description: 'Seconds.' } }, [
        'retryAfter',
      ]),
    },
    ['error'],
  ),
};

/** A response for each error code of the protocol and of HTTP, by code. */
export function errorResponses(): JsonObject {
  const messages = new Map<number, string[]>([[428, ['revision.required']]]);
  for (const [message, { code }] of Object.entries(errorTable)) {
    messages.set(code, [...(messages.get(code) ?? []), message]);
  }
  return Object.fromEntries([...messages].map(([code, known]) => [code, responseOf(code, known)]));
}

function responseOf(code: number, messages: readonly string[]): JsonObject {
  const waits = code === 429 || code === 503;
  return {
    description: messages.join(', '),
    ...(waits && { headers: { 'Retry-After': { $ref: '#/components/headers/Retry-After' } } }),
    content: {
      'application/json': {
        schema: schemaRef('Really.Error'),
        examples: Object.fromEntries(
          messages.map((message) => [
            message.replace(/[^\w.-]+/g, '.'),
            { value: { error: { code, message } } },
          ]),
        ),
      },
    },
  };
}

/** The responses of an operation that may be refused with these codes, or by a hook with others. */
export function refusals(...codes: readonly number[]): JsonObject {
  const all = [400, 401, 403, 404, 429, 500, 503, ...codes];
  const known = all.map((code) => [code, { $ref: `#/components/responses/${code}` }] as const);
  const other = {
    description: 'Refused by a hook, with a code of its own.',
    content: json(schemaRef('Really.Error')),
  };
  return { ...Object.fromEntries(known), default: other };
}
