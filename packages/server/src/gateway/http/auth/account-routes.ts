import type { Auth, JsonObject } from '@really/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Accounts, accountKeyOf } from '../../../accounts/accounts.js';
import type { HashRequester } from '../../../accounts/passwords/hash-limiter.js';
import type { AppDeps } from '../../app-deps.js';
import type { AddressRates } from '../../limits/address-rates.js';
import { networkOf } from '../../server/address-network.js';
import { authRoute } from './auth-route.js';
import { callerOf } from './caller.js';

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
  readonly run: (call: AccountCall) => Promise<object>;
  /** A password attempt: the rate limit depends on the body. */
  readonly isLogin?: boolean;
  /** The rate of other requests; by default that of logins. */
  readonly rate?: AddressRates;
  /** Limit of bytes per body. */
  readonly largest?: number;
}

/** Limit of bytes for a body with an email address and passwords, every byte of them escaped. */
const fewMembers = 16 * 1024;

/** Section Accounts: `/auth/password/…` and `/auth/email/…`. */
export function accountRoutes(app: FastifyInstance, deps: AppDeps, accounts: Accounts): void {
  const { passwords, signups, limits } = deps;
  const signup: AccountRoute = {
    run: async ({ body, address, requester }) => {
      const response = await accounts.signUp(body, address, requester);
      const account = accountKeyOf(body);
      if (account !== undefined) passwords.succeeded(address, account);
      return response;
    },
    rate: signups,
    largest: limits.message,
  };
  const login: AccountRoute = {
    run: ({ body, address, requester }) => accounts.logIn(body, address, requester),
    isLogin: true,
  };
  const routes: Readonly<Record<string, AccountRoute>> = {
    '/auth/password/signup': signup,
    // `userpass` is an older name for the same.
    '/auth/userpass/signup': signup,
    '/auth/password/login': login,
    '/auth/userpass/login': login,
    '/auth/password/change': {
      run: async ({ body, address, requester, caller }) =>
        await accounts.changePassword(body, await caller(), { address, requester }),
    },
    ...(accounts.sendsEmails && emailRoutes(accounts)),
  };
  for (const [path, route] of Object.entries(routes)) addRoute(app, deps, path, route);
}

/** The routes that send or confirm emails. */
function emailRoutes(accounts: Accounts): Readonly<Record<string, AccountRoute>> {
  return {
    '/auth/password/reset/request': {
      run: ({ body }) => accounts.requestReset(body),
    },
    '/auth/password/reset': {
      run: ({ body, address, requester }) => accounts.reset(body, address, requester),
    },
    '/auth/email/verify/request': {
      run: async ({ caller }) => await accounts.requestVerification(await caller()),
    },
    '/auth/email/verify': {
      run: ({ body, address }) => accounts.verify(body, address),
    },
  };
}

function addRoute(app: FastifyInstance, deps: AppDeps, path: string, route: AccountRoute): void {
  const { addresses, logins, passwords } = deps;
  const { run, isLogin = false, rate = logins, largest = fewMembers } = route;
  authRoute(app, deps, {
    ...{ path, largest },
    authorize: ({ raw }) => {
      if (!isLogin) rate.assert(addresses.of(raw), raw);
    },
    run: async (body = {}, request) => {
      const address = addresses.of(request.raw);
      const caller = async () => (await callerOf(request, deps)).auth;
      const requester = { network: networkOf(address) };
      const call = { body, address, requester, caller };
      return await (isLogin ? tryPassword(call, request) : run(call));
    },
  });

  /** Rule LIM5. */
  async function tryPassword(call: AccountCall, { raw }: FastifyRequest): Promise<object> {
    const { address } = call;
    const account = accountKeyOf(call.body);
    logins.assertGranted(passwords.take(address, account, raw));
    if (account === undefined) return await run(call);
    const isKnown = passwords.isKnown(address, account);
    const requester = isKnown ? { ...call.requester, account } : call.requester;
    const response = await run({ ...call, requester });
    passwords.succeeded(address, account);
    return response;
  }
}
