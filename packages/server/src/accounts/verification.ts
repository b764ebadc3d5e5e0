import { fail } from '@really/protocol';
import type { Clock } from '../platform/platform.js';
import type { Account } from './account.js';
import type { AccountJobs } from './account-jobs.js';
import type { AccountRecords } from './account-records.js';
import { parseOneTimeToken } from './email/one-time-token.js';
import { assertLive, assertWritten, wrongEmailToken } from './passwords/new-password.js';

export interface VerificationOptions {
  readonly accounts: AccountRecords;
  readonly jobs: AccountJobs;
  readonly clock: Clock;
}

/** Rule MAIL2: verifies that an address is its owner's. */
export class Verification {
  readonly #options: VerificationOptions;

  constructor(options: VerificationOptions) {
    this.#options = options;
  }

  /** Sends an email to the account of this uid, unless its address is verified. */
  async request(uid: string): Promise<void> {
    const { accounts, jobs } = this.#options;
    const account = await accounts.livingByUid(uid);
    if (!account) throw fail('forbidden');
    if (account.emailVerified) return;
    jobs.assertRoom();
    assertWritten(await jobs.write([], [{ kind: 'verify', uid }]));
  }

  /** For a user with the token of such an email, once. Resolves with the account. */
  async verify(token: string): Promise<Account> {
    const read = parseOneTimeToken(token);
    const account = read && (await this.#options.accounts.livingByUid(read.uid));
    if (!account) throw wrongEmailToken();
    const now = this.#options.clock.now();
    await this.#options.accounts.change(account.uid, (held) => {
      assertLive(held, { kind: 'verify', hash: read.hash, now });
      const letterTokens = held.letterTokens.filter(({ kind }) => kind !== 'verify');
      return { ...held, emailVerified: true, letterTokens };
    });
    return account;
  }
}
