import type { JsonObject } from '@really/protocol';
import { refusals } from './errors.js';
import { anyObject } from './parameters.js';

interface Endpoint {
  readonly summary: string;
  /** `undefined`: it takes none. */
  readonly body?: JsonObject | undefined;
  readonly answer: JsonObject;
  readonly security: readonly JsonObject[];
}

const text = { type: 'string' };

const object = (properties: JsonObject, required: readonly string[] = []): JsonObject => ({
  type: 'object',
  ...(required.length > 0 && { required: [...required] }),
  properties,
});

/** With further members. */
const openObject = (properties: JsonObject, required: readonly string[]): JsonObject => ({
  ...object(properties, required),
  additionalProperties: true,
});

const token = object({ authType: text, accessToken: text }, ['accessToken']);
const credentials = { email: { type: 'string', format: 'email' }, password: text };
const open: JsonObject[] = [];
const bearer: JsonObject[] = [{ bearer: [] }, { accessToken: [] }];
const operator: JsonObject[] = [{ secret: [] }];

/** The endpoints that tokens and accounts come from. */
const endpoints: Readonly<Record<string, Endpoint>> = {
  '/auth/anonymous': {
    summary: 'A token for whoever asks; the body becomes its `data`',
    body: anyObject,
    answer: token,
    security: open,
  },
  '/auth/password/signup': {
    summary: 'Create an account and its user; other members make the user',
    body: openObject(credentials, ['email', 'password']),
    answer: object({ authType: text, user: object({ _r: text, email: text }, ['_r']) }, ['user']),
    security: open,
  },
  '/auth/password/login': {
    summary: 'A token for an email and a password',
    body: object(credentials, ['email', 'password']),
    answer: token,
    security: open,
  },
  '/auth/password/change': {
    summary: 'Set another password; every token is revoked, and a fresh one given',
    body: object({ oldPassword: text, password: text }, ['oldPassword', 'password']),
    answer: token,
    security: bearer,
  },
  '/auth/password/reset/request': {
    summary: 'Send a letter with which another password can be set, where somebody has the address',
    body: object({ email: credentials.email }, ['email']),
    answer: anyObject,
    security: open,
  },
  '/auth/password/reset': {
    summary: 'Set another password with the token of a letter',
    body: object({ token: text, password: text }, ['token', 'password']),
    answer: anyObject,
    security: open,
  },
  '/auth/email/verify/request': {
    summary: 'Send a letter with which the address can be verified',
    answer: anyObject,
    security: bearer,
  },
  '/auth/email/verify': {
    summary: 'Verify an address with the token of a letter',
    body: object({ token: text }, ['token']),
    answer: anyObject,
    security: open,
  },
  '/auth/oidc/login': {
    summary: 'A token for an ID token of an issuer that is configured',
    body: object({ provider: text, issuer: text, idToken: text, nonce: text }, ['idToken']),
    answer: token,
    security: open,
  },
  '/auth/refresh': { summary: 'A fresh token for a live one', answer: token, security: bearer },
  '/auth/logout': { summary: 'Revoke the token', answer: anyObject, security: bearer },
  '/auth/accounts': {
    summary: 'Create a user',
    body: object({ data: anyObject }),
    answer: object({ _r: text }),
    security: operator,
  },
  '/auth/tokens': {
    summary: 'Mint a token',
    body: object(
      {
        uid: text,
        authType: text,
        expires: { type: ['string', 'integer'] },
        _r: text,
        data: anyObject,
      },
      ['uid'],
    ),
    answer: token,
    security: operator,
  },
  '/auth/tokens/revoke': {
    summary: 'Revoke a token, or every token of a uid issued so far',
    body: object({ token: text, uid: text }),
    answer: anyObject,
    security: operator,
  },
};

/** Those of the endpoints that this server has. */
export function authPaths(isServed: (path: string) => boolean): Record<string, JsonObject> {
  const served = Object.entries(endpoints).filter(([path]) => isServed(path));
  return Object.fromEntries(served.map(([path, one]) => [path, { post: operation(path, one) }]));
}

function operation(path: string, { summary, body, answer, security }: Endpoint): JsonObject {
  const content = (schema: JsonObject) => ({ 'application/json': { schema } });
  return {
    operationId: path.slice(1).replaceAll('/', '.'),
    tags: ['auth'],
    summary,
    security: [...security],
    ...(body && { requestBody: { content: content(body) } }),
    responses: {
      200: { description: 'Done.', content: content(answer) },
      ...refusals(409, 413),
    },
  };
}
