import { fail } from '@really/protocol';
import type { Tokens } from '../auth/tokens.js';
import type { Log } from '../platform/log.js';
import type { Clock } from '../platform/platform.js';
import { type Account, authOf } from './account.js';
import type { AccountRecords } from './account-records.js';
import type { LoginRequest } from './credentials.js';
import type { HashRequester } from './passwords/hash-limiter.js';
import type { Passwords } from './passwords/passwords.js';

export interface LoginOptions {
  readonly accounts: AccountRecords;
  readonly passwords: Passwords;
  readonly tokens: Pick<Tokens, 'mint'>;
  readonly clock: Clock;
  /** Lifetime of a token, milliseconds. */
  readonly life: number;
  readonly log: Log;
}

export type LoginResult =
  | { readonly ok: true; readonly account: Account; readonly accessToken: string }
  | { readonly ok: false; readonly uid: string | undefined; readonly reason: LoginRefusal };

/** For the audit log: not shown to the client. */
export type LoginRefusal =
  | 'account.unknown'
  | 'password.wrong'
  | 'password.changed'
  | 'user.deleted';

/** Rules PWD5 to PWD8. */
export class Login {
  readonly #options: LoginOptions;

  constructor(options: LoginOptions) {
    this.#options = options;
  }

  async run({ email, password }: LoginRequest, requester?: HashRequester): Promise<LoginResult> {
    const { accounts, passwords } = this.#options;
    const account = await accounts.byEmail(email);
    const matches = await passwords.matches(account?.password, password, requester);
    if (!account) return { ok: false, uid: undefined, reason: 'account.unknown' };
    const { uid } = account;
    if (!matches) return { ok: false, uid, reason: 'password.wrong' };
    await this.#renewHash(account, password, requester);
    const accessToken = await this.mint(account);
    // If another password was set meanwhile, that revoked the earlier tokens, but perhaps not this
    // one.
    const now = await accounts.byUid(uid);
    if (now?.passwordChanges !== account.passwordChanges) {
      return { ok: false, uid, reason: 'password.changed' };
    }
    if (await accounts.isAbandoned(account)) return { ok: false, uid, reason: 'user.deleted' };
    return { ok: true, account, accessToken };
  }

  async mint(account: Account): Promise<string> {
    const { clock, tokens, life } = this.#options;
    return await tokens.mint({ ...authOf(account), expires: clock.now() + life });
  }

  /**
   * Replaces a hash with outdated parameters while the password is at hand. The login does not
   * depend on it.
   */
  async #renewHash(
    { uid, password: hash }: Account,
    password: string,
    requester: HashRequester | undefined,
  ): Promise<void> {
    const { accounts, passwords, log } = this.#options;
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
}

/** Rule PWD6: the same error, whatever was wrong. */
export function wrongCredentials(): Error {
  return fail('credentials.invalid', { password: ['credentials.invalid'] });
}
