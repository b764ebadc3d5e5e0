import { type Auth, fail, type JsonObject } from '@really/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Accounts, accountKeyOf } from '../../../accounts/accounts.js';
import type { HashRequester } from '../../../accounts/passwords/hash-limiter.js';
import type { AddressRates } from '../../limits/address-rates.js';
import type { LoginRates } from '../../limits/login-rates.js';
import { networkOf } from '../../server/address-network.js';
import type { Origins } from '../../server/origins.js';
import type { JsonLimits } from '../../websocket/parse-message.js';
import { authRoute } from './auth-route.js';
import { type CallerOptions, callerOf } from './caller.js';

export interface AccountRoutesOptions {
  readonly accounts: Accounts;
  /** Verifies the caller's token, if a route needs one. */
  readonly callers: CallerOptions;
  /** Rule LIM5. */
  readonly perAddress: Readonly<Record<AccountRate, AddressRates>>;
  readonly logins: LoginRates;
  readonly origins: Origins;
  readonly limited: (by: AccountRate) => void;
  readonly jsonLimits: JsonLimits;
  /** Limit of bytes per signup, which contains a whole object. */
  readonly message: number;
}

type AccountRate = 'login' | 'signup';

/** A request to an account route. */
interface AccountCall {
  readonly body: JsonObject;
  /** The client's address. */
  readonly address: string;
  /** The owner that a password hash is queued under. */
  readonly requester: HashRequester;
  /** The auth of the request's token. Rejects with 401. */
  readonly caller: () => Promise<Auth>;
}

interface AccountRoute {
  readonly path: string;
  readonly run: (call: AccountCall) => Promise<object>;
  /** A password attempt: the rate limit depends on the body. */
  readonly isLogin?: boolean;
  readonly rate?: AccountRate;
  /** Limit of bytes per body. */
  readonly largest?: number;
}

/**
 * Limit of bytes for a body with an email address and passwords, in which every byte may be
 * escaped.
 */
const fewMembers = 16 * 1024;

/** `userpass` is an older name for the same route. */
const signupPaths = ['/auth/password/signup', '/auth/userpass/signup'];
const loginPaths = ['/auth/password/login', '/auth/userpass/login'];

/** Section Accounts: `/auth/password/…` and `/auth/email/…`. */
export function accountRoutes(app: FastifyInstance, options: AccountRoutesOptions): void {
  const { accounts, logins, message } = options;
  const routes: AccountRoute[] = [
    ...signupPaths.map(
      (path): AccountRoute => ({
        path,
        run: async ({ body, address, requester }) => {
          const response = await accounts.signUp(body, address, requester);
          const account = accountKeyOf(body);
          if (account !== undefined) logins.succeeded(address, account);
          return response;
        },
        rate: 'signup',
        largest: message,
      }),
    ),
    ...loginPaths.map(
      (path): AccountRoute => ({
        path,
        run: ({ body, address, requester }) => accounts.logIn(body, address, requester),
        isLogin: true,
      }),
    ),
    {
      path: '/auth/password/change',
      run: async ({ body, address, requester, caller }) =>
        await accounts.changePassword(body, await caller(), { address, requester }),
    },
  ];
  const all = accounts.sendsEmails ? [...routes, ...emailRoutes(accounts)] : routes;
  for (const route of all) addRoute(app, route, options);
}

/** The routes that send or confirm emails. */
function emailRoutes(accounts: Accounts): AccountRoute[] {
  return [
    {
      path: '/auth/password/reset/request',
      run: ({ body }) => accounts.requestReset(body),
    },
    {
      path: '/auth/password/reset',
      run: ({ body, address, requester }) => accounts.reset(body, address, requester),
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
  const { path, run, isLogin = false, rate = 'login', largest = fewMembers } = route;
  const { callers, perAddress, limited, jsonLimits, origins } = options;
  const assertGranted = (retryAfter: number) => {
    if (retryAfter === 0) return;
    limited(rate);
    throw fail('rate.limited', undefined, { meta: { retryAfter } });
  };
  authRoute(app, {
    ...{ path, largest, jsonLimits, origins },
    authorize: ({ raw }) => {
      if (!isLogin) assertGranted(perAddress[rate].take(callers.addresses.of(raw), raw));
    },
    run: async (body = {}, request) => {
      const address = callers.addresses.of(request.raw);
      const caller = async () => (await callerOf(request, callers)).auth;
      const requester = { key: networkOf(address) };
      const call = { body, address, requester, caller };
      if (!isLogin) return await run(call);
      return await tryPassword(call, request);
    },
  });

  /** Rule LIM5. */
  async function tryPassword(call: AccountCall, { raw }: FastifyRequest): Promise<object> {
    const { logins } = options;
    const { address } = call;
    const account = accountKeyOf(call.body);
    assertGranted(logins.take(address, account, raw));
    if (account === undefined) return await run(call);
    const isKnown = logins.isKnown(address, account);
    const key = isKnown ? `${call.requester.key} ${account}` : call.requester.key;
    const response = await run({ ...call, requester: { key, isKnown } });
    logins.succeeded(address, account);
    return response;
  }
}
