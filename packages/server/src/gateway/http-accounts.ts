import { fail, type JsonObject, ProtocolError } from '@really/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Accounts } from '../accounts/accounts.js';
import type { ClientAddresses } from './client-address.js';
import { sendError, sendJson } from './http-answers.js';
import { jsonBody } from './json-body.js';
import type { Shape } from './parse-message.js';
import type { RateLimit } from './rate-limit.js';

export interface AccountRoutesOptions {
  readonly accounts: Accounts;
  readonly addresses: ClientAddresses;
  /** By address (rule LIM5). */
  readonly rates: Readonly<Record<RateName, RateLimit>>;
  readonly limited: (by: RateName) => void;
  readonly shape: Shape;
  /** Bytes of a signup, which brings a whole object. */
  readonly message: number;
}

export type RateName = 'login' | 'signup';

interface AccountRoute {
  readonly path: string;
  readonly rate: RateName;
  /** Bytes of a body. */
  readonly largest: number;
  readonly run: (body: JsonObject, address: string) => Promise<object>;
}

/** Bytes of a body that brings an address and a password, each byte of which may be written as an escape. */
const fewMembers = 16 * 1024;

/** Section Accounts: `/auth/password/…`. */
export function accountRoutes(app: FastifyInstance, options: AccountRoutesOptions): void {
  const { accounts, message } = options;
  const routes: AccountRoute[] = [
    {
      path: '/auth/password/signup',
      rate: 'signup',
      largest: message,
      run: (body, address) => accounts.signUp(body, address),
    },
    {
      path: '/auth/password/login',
      rate: 'login',
      largest: fewMembers,
      run: (body, address) => accounts.logIn(body, address),
    },
  ];
  for (const route of routes) addRoute(app, route, options);
}

function addRoute(app: FastifyInstance, route: AccountRoute, options: AccountRoutesOptions): void {
  const { path, rate, largest: bodyLimit, run } = route;
  const onRequest = (request: FastifyRequest, reply: FastifyReply, done: () => void) => {
    reply.header('Cache-Control', 'no-store');
    const retryAfter = options.rates[rate].take(options.addresses.of(request.raw));
    if (retryAfter === 0) return done();
    options.limited(rate);
    sendError(reply, fail('rate.limited', undefined, { meta: { retryAfter } }));
  };
  for (const url of [path, `${path}/`]) {
    app.post<{ Body: unknown }>(url, { bodyLimit, onRequest }, async (request, reply) => {
      const body = jsonBody(request.body, options.shape) ?? {};
      const answer = await run(body, options.addresses.of(request.raw)).catch((error: unknown) => {
        if (isUnauthorized(error)) reply.header('WWW-Authenticate', 'Bearer');
        throw error;
      });
      return sendJson(reply, 200, JSON.stringify(answer));
    });
  }
}

function isUnauthorized(error: unknown): boolean {
  return error instanceof ProtocolError && error.code === 401;
}
