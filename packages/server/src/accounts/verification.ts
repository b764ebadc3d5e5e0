import { fail } from '@really/protocol';
import type { Account } from './account.js';
import type { AccountDeps } from './account-deps.js';
import { parseOneTimeToken } from './email/one-time-token.js';
import { assertLive, assertWritten, wrongEmailToken } from './passwords/new-password.js';

/** Rule MAIL2: verifies that an address is its owner's. */
export class Verification {
  readonly #deps: AccountDeps;

  constructor(deps: AccountDeps) {
    this.#deps = deps;
  }

  /** Sends an email to the account of this uid, unless its address is verified. */
  async request(uid: string): Promise<void> {
    const { accounts, jobs } = this.#deps;
    const account = await accounts.livingByUid(uid);
    if (!account) throw fail('forbidden');
    if (account.emailVerified) return;
    jobs.assertRoom();
    assertWritten(await jobs.write([], [{ kind: 'verify', uid }]));
  }

  /** For a user with the token of such an email, once. Resolves with the account. */
  async verify(token: string): Promise<Account> {
    const read = parseOneTimeToken(token);
    const account = read && (await this.#deps.accounts.livingByUid(read.uid));
    if (!account) throw wrongEmailToken();
    const now = this.#deps.services.platform.clock.now();
    await this.#deps.accounts.change(account.uid, (held) => {
      assertLive(held, { kind: 'verify', hash: read.hash, now });
      const oneTimeTokens = held.oneTimeTokens.filter(({ kind }) => kind !== 'verify');
      return { ...held, emailVerified: true, oneTimeTokens };
    });
    return account;
  }
}
