import { fail } from '@really/protocol';
import type { WriteAllResult } from '../../objects/write-request.js';
import type { Account } from '../account.js';
import type { AccountDeps } from '../account-deps.js';
import { parseOneTimeToken } from '../email/one-time-token.js';
import type { HashRequester } from './hash-limiter.js';

/** Sets passwords of existing accounts. */
export class NewPassword {
  readonly #deps: AccountDeps;

  constructor(deps: AccountDeps) {
    this.#deps = deps;
  }

  /**
   * Rule PWD10: for a user with a token and the old password. Resolves with the account. If another
   * change was faster, the old password is wrong by then.
   */
  async change(
    uid: string,
    passwords: { old: string; password: string },
    requester?: HashRequester,
  ): Promise<Account> {
    const account = await this.#deps.accounts.livingByUid(uid);
    if (!account) throw fail('forbidden');
    if (!(await this.#deps.passwords.matches(account.password, passwords.old, requester))) {
      throw wrongOldPassword();
    }
    const hash = await this.#deps.passwords.hash(passwords.password, requester);
    const { passwordChanges } = account;
    await this.#set(uid, hash, (held) => {
      if (held.passwordChanges !== passwordChanges) throw wrongOldPassword();
      return held;
    });
    return account;
  }

  /**
   * Rule MAIL1: for a user with the token of an email, once. Verifies the address, too. Resolves
   * with the account.
   */
  async reset(token: string, password: string, requester?: HashRequester): Promise<Account> {
    const read = parseOneTimeToken(token);
    const account = read && (await this.#deps.accounts.livingByUid(read.uid));
    if (!account) throw wrongEmailToken();
    const check = (held: Account): Account => {
      assertLive(held, {
        kind: 'reset',
        hash: read.hash,
        now: this.#deps.services.platform.clock.now(),
      });
      const oneTimeTokens = held.oneTimeTokens.filter(({ kind }) => kind !== 'reset');
      return { ...held, emailVerified: true, oneTimeTokens };
    };
    // Before it costs a hash, and again when it is set.
    check(account);
    await this.#set(account.uid, await this.#deps.passwords.hash(password, requester), check);
    return account;
  }

  /** Also revokes all tokens, and sends an email to the owner. */
  async #set(uid: string, password: string, check: (held: Account) => Account): Promise<void> {
    const { accounts, jobs } = this.#deps;
    const request = accounts.updateRequest(uid, (held) => {
      const { passwordChanges, ...checked } = check(held);
      return { ...checked, password, passwordChanges: passwordChanges + 1 };
    });
    const revocation = { kind: 'revoke', uid } as const;
    assertWritten(await jobs.write([request], [revocation, ...jobs.emailTo('changed', uid)]));
  }
}

/** Throws 401 where the account has no such token, or it has expired. */
export function assertLive(
  { oneTimeTokens }: Account,
  { kind, hash, now }: { kind: 'reset' | 'verify'; hash: string; now: number },
): void {
  const known = oneTimeTokens.find((token) => token.kind === kind && token.hash === hash);
  if (!known) throw wrongEmailToken();
  if (known.expires <= now) throw wrongEmailToken('token.expired');
}

/** Throws the reason for a refusal. */
export function assertWritten(result: WriteAllResult): void {
  if (result.kind === 'committed') return;
  if (result.kind === 'refused') throw result.error;
  throw new Error(`an account cannot be written: ${result.kind}`);
}

export function wrongEmailToken(detail = 'token.invalid'): Error {
  return fail('link.invalid', { token: [detail] });
}

function wrongOldPassword(): Error {
  return fail('credentials.invalid', { oldPassword: ['credentials.invalid'] });
}
