import { fail } from '@really/protocol';
import type { WriteAllResult } from '../../objects/write-request.js';
import type { Clock } from '../../platform/platform.js';
import type { Account } from '../account.js';
import type { AccountJob } from '../account-job.js';
import type { AccountJobs } from '../account-jobs.js';
import type { AccountRecords } from '../account-records.js';
import { parseOneTimeToken } from '../email/one-time-token.js';
import type { HashRequester } from './hash-limiter.js';
import type { Passwords } from './passwords.js';

export interface NewPasswordOptions {
  readonly accounts: AccountRecords;
  readonly passwords: Passwords;
  readonly jobs: AccountJobs;
  readonly clock: Clock;
  /** Whether letters can be sent. */
  readonly sendsEmails: boolean;
}

/** Sets passwords of accounts that are there. */
export class NewPassword {
  readonly #options: NewPasswordOptions;

  constructor(options: NewPasswordOptions) {
    this.#options = options;
  }

  /**
   * Rule PWD10: for who has a token and the old password. Resolves with the account. Where somebody else was
   * faster, the old password is wrong by now.
   */
  async change(
    uid: string,
    passwords: { old: string; password: string },
    requester?: HashRequester,
  ): Promise<Account> {
    const account = await this.#options.accounts.livingByUid(uid);
    if (!account) throw fail('forbidden');
    if (!(await this.#options.passwords.matches(account.password, passwords.old, requester))) {
      throw wrongOldPassword();
    }
    const hash = await this.#options.passwords.hash(passwords.password, requester);
    const { passwordChanges } = account;
    await this.#set(uid, hash, (held) => {
      if (held.passwordChanges !== passwordChanges) throw wrongOldPassword();
      return held;
    });
    return account;
  }

  /** Rule MAIL1: for who has the token of a letter, once. It proves that the address is theirs, too. Resolves with the account. */
  async reset(token: string, password: string, requester?: HashRequester): Promise<Account> {
    const read = parseOneTimeToken(token);
    const account = read && (await this.#options.accounts.livingByUid(read.uid));
    if (!account) throw wrongEmailToken();
    const check = (held: Account): Account => {
      assertLive(held, { kind: 'reset', hash: read.hash, now: this.#options.clock.now() });
      const letterTokens = held.letterTokens.filter(({ kind }) => kind !== 'reset');
      return { ...held, emailVerified: true, letterTokens };
    };
    // Before it costs a hash, and again when it is set.
    check(account);
    await this.#set(account.uid, await this.#options.passwords.hash(password, requester), check);
    return account;
  }

  /** With it goes that all tokens are to be revoked, and a letter that tells the owner. */
  async #set(uid: string, password: string, check: (held: Account) => Account): Promise<void> {
    const { accounts, jobs, sendsEmails } = this.#options;
    const request = accounts.updateRequest(uid, (held) => {
      const { passwordChanges, ...checked } = check(held);
      return { ...checked, password, passwordChanges: passwordChanges + 1 };
    });
    const follow: AccountJob[] = [{ kind: 'revoke', uid }];
    if (sendsEmails && !jobs.full) follow.push({ kind: 'changed', uid });
    assertWritten(await jobs.write([request], follow));
  }
}

/** Throws 401 where the account knows no such token, or not any more. */
export function assertLive(
  { letterTokens }: Account,
  { kind, hash, now }: { kind: 'reset' | 'verify'; hash: string; now: number },
): void {
  const known = letterTokens.find((one) => one.kind === kind && one.hash === hash);
  if (!known) throw wrongEmailToken();
  if (known.expires <= now) throw wrongEmailToken('token.expired');
}

/** Throws what refused it. */
export function assertWritten(result: WriteAllResult): void {
  if (result.kind === 'committed') return;
  if (result.kind === 'refused') throw result.error;
  throw new Error(`an account can not be written: ${result.kind}`);
}

export function wrongEmailToken(detail = 'token.invalid'): Error {
  return fail('link.invalid', { token: [detail] });
}

function wrongOldPassword(): Error {
  return fail('credentials.invalid', { oldPassword: ['credentials.invalid'] });
}
