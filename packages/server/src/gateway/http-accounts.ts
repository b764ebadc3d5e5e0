import { type Auth, fail, type JsonObject } from '@really/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Accounts, accountKeyOf } from '../accounts/accounts.js';
import type { Asker } from '../accounts/hash-slots.js';
import { networkOf } from './address-network.js';
import type { AddressRates } from './address-rates.js';
import { authRoute } from './auth-route.js';
import { type CallerOptions, callerOf } from './http-caller.js';
import type { LoginRates } from './login-rates.js';
import type { Origins } from './origins.js';
import type { Shape } from './parse-message.js';

export interface AccountRoutesOptions {
  readonly accounts: Accounts;
  /** Whose token it is, where one is wanted. */
  readonly callers: CallerOptions;
  /** Rule LIM5. */
  readonly perAddress: Readonly<Record<RateName, AddressRates>>;
  readonly logins: LoginRates;
  readonly origins: Origins;
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
  /** Whose turn a password hash is. */
  readonly asker: Asker;
  /** Whose token came along. Rejects with 401. */
  readonly caller: () => Promise<Auth>;
}

interface AccountRoute {
  readonly path: string;
  readonly run: (asked: Asked) => Promise<object>;
  /** It is a try of a password: what is counted is told by the body. */
  readonly isLogin?: boolean;
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
  const { accounts, logins, message } = options;
  const routes: AccountRoute[] = [
    ...signupPaths.map(
      (path): AccountRoute => ({
        path,
        run: async ({ body, address, asker }) => {
          const answer = await accounts.signUp(body, address, asker);
          const account = accountKeyOf(body);
          if (account !== undefined) logins.succeeded(address, account);
          return answer;
        },
        rate: 'signup',
        largest: message,
      }),
    ),
    ...loginPaths.map(
      (path): AccountRoute => ({
        path,
        run: ({ body, address, asker }) => accounts.logIn(body, address, asker),
        isLogin: true,
      }),
    ),
    {
      path: '/auth/password/change',
      run: async ({ body, address, asker, caller }) =>
        await accounts.changePassword(body, await caller(), { address, asker }),
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
      run: ({ body, address, asker }) => accounts.reset(body, address, asker),
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
  const { callers, perAddress, limited, shape, origins } = options;
  const assertGranted = (retryAfter: number) => {
    if (retryAfter === 0) return;
    limited(rate);
    throw fail('rate.limited', undefined, { meta: { retryAfter } });
  };
  authRoute(app, {
    ...{ path, largest, shape, origins },
    admit: ({ raw }) => {
      if (!isLogin) assertGranted(perAddress[rate].take(callers.addresses.of(raw), raw));
    },
    run: async (body = {}, request) => {
      const address = callers.addresses.of(request.raw);
      const caller = async () => (await callerOf(request, callers)).auth;
      const asker = { key: networkOf(address) };
      const asked = { body, address, asker, caller };
      if (!isLogin) return await run(asked);
      return await tryPassword(asked, request);
    },
  });

  /** Rule LIM5. */
  async function tryPassword(asked: Asked, { raw }: FastifyRequest): Promise<object> {
    const { logins } = options;
    const { address } = asked;
    const account = accountKeyOf(asked.body);
    assertGranted(logins.take(address, account, raw));
    if (account === undefined) return await run(asked);
    const isKnown = logins.isKnown(address, account);
    const key = isKnown ? `${asked.asker.key} ${account}` : asked.asker.key;
    const answer = await run({ ...asked, asker: { key, isKnown } });
    logins.succeeded(address, account);
    return answer;
  }
}
