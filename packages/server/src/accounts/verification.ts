import { fail } from '@really/protocol';
import type { Clock } from '../platform/platform.js';
import type { Account } from './account.js';
import type { AccountRecords } from './account-records.js';
import type { Errands } from './errands.js';
import { readLetterToken } from './letter-token.js';
import { assertLive, assertWritten, wrongLetterToken } from './new-password.js';

export interface VerificationOptions {
  readonly accounts: AccountRecords;
  readonly errands: Errands;
  readonly clock: Clock;
}

/** Rule MAIL2: whether an address is its owner's. */
export class Verification {
  readonly #options: VerificationOptions;

  constructor(options: VerificationOptions) {
    this.#options = options;
  }

  /** Has a letter sent to the account of this uid, where its address is not verified yet. */
  async request(uid: string): Promise<void> {
    const { accounts, errands } = this.#options;
    const account = await accounts.livingByUid(uid);
    if (!account) throw fail('forbidden');
    if (account.emailVerified) return;
    errands.assertRoom();
    assertWritten(await errands.write([], [{ kind: 'verify', uid }]));
  }

  /** For who has the token of such a letter, once. Resolves with the account. */
  async verify(token: string): Promise<Account> {
    const read = readLetterToken(token);
    const account = read && (await this.#options.accounts.livingByUid(read.uid));
    if (!account) throw wrongLetterToken();
    const now = this.#options.clock.now();
    await this.#options.accounts.change(account.uid, (held) => {
      assertLive(held, { kind: 'verify', hash: read.hash, now });
      const letterTokens = held.letterTokens.filter(({ kind }) => kind !== 'verify');
      return { ...held, emailVerified: true, letterTokens };
    });
    return account;
  }
}
