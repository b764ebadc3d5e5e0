import { fail } from '@really/protocol';
import { type Account, authOf } from './account.js';
import type { AccountDeps } from './account-deps.js';
import type { LoginRequest } from './credentials.js';
import type { HashRequester } from './passwords/hash-limiter.js';

type LoginResult =
  | { readonly ok: true; readonly uid: string; readonly accessToken: string }
  | { readonly ok: false; readonly uid: string | undefined; readonly reason: LoginRefusal };

/** For the audit log: not shown to the client. */
type LoginRefusal = 'account.unknown' | 'password.wrong' | 'password.changed' | 'user.deleted';

/** Rules PWD5 to PWD8. */
export async function logIn(
  deps: AccountDeps,
  { email, password }: LoginRequest,
  requester?: HashRequester,
): Promise<LoginResult> {
  const { accounts, passwords } = deps;
  const account = await accounts.byEmail(email);
  const matches = await passwords.matches(account?.password, password, requester);
  if (!account) return { ok: false, uid: undefined, reason: 'account.unknown' };
  const { uid } = account;
  if (!matches) return { ok: false, uid, reason: 'password.wrong' };
  await renewHash(deps, account, password, requester);
  const accessToken = await mintToken(deps, account);
  // If another password was set meanwhile, that revoked the earlier tokens, but perhaps not this
  // one.
  const now = await accounts.byUid(uid);
  if (now?.passwordChanges !== account.passwordChanges) {
    return { ok: false, uid, reason: 'password.changed' };
  }
  if (await accounts.isAbandoned(account)) return { ok: false, uid, reason: 'user.deleted' };
  return { ok: true, uid, accessToken };
}

export async function mintToken(
  { services, tokens, config }: AccountDeps,
  account: Account,
): Promise<string> {
  const expires = services.platform.clock.now() + config.tokenLife;
  return await tokens.mint({ ...authOf(account), expires });
}

/** Replaces a hash with outdated parameters, while the password is at hand. The login does not depend on it. */
async function renewHash(
  { accounts, passwords, log }: AccountDeps,
  { uid, password: hash }: Account,
  password: string,
  requester: HashRequester | undefined,
): Promise<void> {
  if (passwords.isCurrent(hash)) return;
  try {
    const renewed = await passwords.hash(password, requester);
    await accounts.change(uid, (held) => {
      // Another password may have been set meanwhile.
      return held.password === hash ? { ...held, password: renewed } : held;
    });
  } catch (error) {
    log.warn({ err: error }, 'a password hash could not be renewed');
  }
}

/** Rule PWD6: the same error, whatever was wrong. */
export function wrongCredentials(): Error {
  return fail('credentials.invalid', { password: ['credentials.invalid'] });
}
