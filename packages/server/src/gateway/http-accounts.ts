import { type Auth, fail, type JsonObject } from '@really/protocol';
import type { FastifyInstance } from 'fastify';
import type { Accounts } from '../accounts/accounts.js';
import { authRoute } from './auth-route.js';
import { type CallerOptions, callerOf } from './http-caller.js';
import type { Shape } from './parse-message.js';
import type { RateLimit } from './rate-limit.js';

export interface AccountRoutesOptions {
  readonly accounts: Accounts;
  /** Whose token it is, where one is wanted. */
  readonly callers: CallerOptions;
  /** Rule LIM5. */
  readonly perAddress: Readonly<Record<RateName, RateLimit>>;
  readonly limited: (by: RateName) => void;
  readonly shape: Shape;
  /** Bytes of a signup, which brings a whole object. */
  readonly message: number;
}

type RateName = 'login' | 'signup';

/** What came in. */
interface Asked {
  readonly body: JsonObject;
  /** Of the client. */
  readonly address: string;
  /** Whose token came along. Rejects with 401. */
  readonly caller: () => Promise<Auth>;
}

interface AccountRoute {
  readonly path: string;
  readonly run: (asked: Asked) => Promise<object>;
  readonly rate?: RateName;
  /** Bytes of a body. */
  readonly largest?: number;
}

/** Bytes of a body that brings an address and passwords, each byte of which may be written as an escape. */
const fewMembers = 16 * 1024;

/** `userpass` is an older name for the same. */
const signupPaths = ['/auth/password/signup', '/auth/userpass/signup'];
const loginPaths = ['/auth/password/login', '/auth/userpass/login'];

/** Section Accounts: `/auth/password/…` and `/auth/email/…`. */
export function accountRoutes(app: FastifyInstance, options: AccountRoutesOptions): void {
  const { accounts, message } = options;
  const routes: AccountRoute[] = [
    ...signupPaths.map(
      (path): AccountRoute => ({
        path,
        run: ({ body, address }) => accounts.signUp(body, address),
        rate: 'signup',
        largest: message,
      }),
    ),
    ...loginPaths.map(
      (path): AccountRoute => ({
        path,
        run: ({ body, address }) => accounts.logIn(body, address),
      }),
    ),
    {
      path: '/auth/password/change',
      run: async ({ body, address, caller }) =>
        await accounts.changePassword(body, await caller(), address),
    },
  ];
  const all = accounts.sendsLetters ? [...routes, ...letterRoutes(accounts)] : routes;
  for (const route of all) addRoute(app, route, options);
}

/** What works by letters. */
function letterRoutes(accounts: Accounts): AccountRoute[] {
  return [
    {
      path: '/auth/password/reset/request',
      run: ({ body }) => accounts.requestReset(body),
    },
    {
      path: '/auth/password/reset',
      run: ({ body, address }) => accounts.reset(body, address),
    },
    {
      path: '/auth/email/verify/request',
      run: async ({ caller }) => await accounts.requestVerification(await caller()),
    },
    {
      path: '/auth/email/verify',
      run: ({ body, address }) => accounts.verify(body, address),
    },
  ];
}

function addRoute(app: FastifyInstance, route: AccountRoute, options: AccountRoutesOptions): void {
  const { path, run, rate = 'login', largest = fewMembers } = route;
  const { callers, perAddress, limited, shape } = options;
  authRoute(app, {
    path,
    largest,
    shape,
    admit: ({ raw }) => {
      const retryAfter = perAddress[rate].take(callers.addresses.of(raw));
      if (retryAfter === 0) return;
      limited(rate);
      throw fail('rate.limited', undefined, { meta: { retryAfter } });
    },
    run: async (body = {}, request) => {
      const address = callers.addresses.of(request.raw);
      const caller = async () => (await callerOf(request, callers)).auth;
      return await run({ body, address, caller });
    },
  });
}
