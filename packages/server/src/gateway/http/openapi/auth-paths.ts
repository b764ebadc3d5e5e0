import type { JsonObject } from '@really/protocol';
import { refusals } from './errors.js';
import { anyObject, json, openObject as object } from './parameters.js';

interface Endpoint {
  readonly summary: string;
  /** By default there is none. */
  readonly body?: JsonObject;
  readonly response?: JsonObject;
  /** By default anyone may ask. */
  readonly security?: readonly JsonObject[];
}

const text = { type: 'string' };

const token = object({ authType: text, accessToken: text }, ['accessToken']);
const credentials = { email: { type: 'string', format: 'email' }, password: text };
const bearer: JsonObject[] = [{ bearer: [] }, { accessToken: [] }];
const operator: JsonObject[] = [{ secret: [] }];

/** The endpoints for tokens and accounts. */
const endpoints: Readonly<Record<string, Endpoint>> = {
  '/auth/anonymous': {
    summary: 'Get a token without authentication; the body becomes its `data`',
    body: anyObject,
    response: token,
  },
  '/auth/password/signup': {
    summary: 'Create an account and its user; other members make the user',
    body: { ...object(credentials, ['email', 'password']), additionalProperties: true },
    response: object({ authType: text, user: object({ _r: text, email: text }, ['_r']) }, ['user']),
  },
  '/auth/password/login': {
    summary: 'Get a token for an email address and a password',
    body: object(credentials, ['email', 'password']),
    response: token,
  },
  '/auth/password/change': {
    summary: 'Change the password; revokes every token, and returns a fresh one',
    body: object({ oldPassword: text, password: text }, ['oldPassword', 'password']),
    response: token,
    security: bearer,
  },
  '/auth/password/reset/request': {
    summary: 'Send an email for setting another password, if an account has the address',
    body: object({ email: credentials.email }, ['email']),
  },
  '/auth/password/reset': {
    summary: 'Set another password with the token of an email',
    body: object({ token: text, password: text }, ['token', 'password']),
  },
  '/auth/email/verify/request': {
    summary: 'Send an email for verifying the address',
    security: bearer,
  },
  '/auth/email/verify': {
    summary: 'Verify an address with the token of an email',
    body: object({ token: text }, ['token']),
  },
  '/auth/oidc/login': {
    summary: 'Get a token for an ID token of a configured issuer',
    body: object({ provider: text, issuer: text, idToken: text, nonce: text }, ['idToken']),
    response: token,
  },
  '/auth/refresh': {
    summary: 'Exchange a valid token for a fresh one',
    response: token,
    security: bearer,
  },
  '/auth/logout': { summary: 'Revoke the token', security: bearer },
  '/auth/accounts': {
    summary: 'Create a user',
    body: object({ data: anyObject }),
    response: object({ _r: text }),
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
        admin: { type: 'boolean' },
      },
      ['uid'],
    ),
    response: token,
    security: operator,
  },
  '/auth/tokens/revoke': {
    summary: 'Revoke a token, or every token of a uid issued so far',
    body: object({ token: text, uid: text }),
    security: operator,
  },
};

/** The endpoints that this server serves. */
export function authPaths(isServed: (path: string) => boolean): Record<string, JsonObject> {
  const served = Object.entries(endpoints).filter(([path]) => isServed(path));
  return Object.fromEntries(
    served.map(([path, endpoint]) => [path, { post: operation(path, endpoint) }]),
  );
}

function operation(
  path: string,
  { summary, body, response = anyObject, security = [] }: Endpoint,
): JsonObject {
  return {
    operationId: path.slice(1).replaceAll('/', '.'),
    tags: ['auth'],
    summary,
    security: [...security],
    ...(body && { requestBody: { content: json(body) } }),
    responses: {
      200: { description: 'Done.', content: json(response) },
      ...refusals(409, 413),
    },
  };
}
