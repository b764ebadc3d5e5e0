import type { Platform } from '../platform/platform.js';
import type { Account, LetterToken } from './account.js';
import type { AccountRecords } from './account-records.js';
import { parseEmail } from './email.js';
import type { Errand } from './errand.js';
import type { Letter, LetterChannel, LetterKind } from './letter.js';
import { makeLetterToken } from './letter-token.js';

export interface LettersOptions {
  readonly accounts: AccountRecords;
  readonly channel: LetterChannel;
  readonly platform: Platform;
}

const hour = 60 * 60 * 1000;

/** Milliseconds for which the tokens in letters are good (rules MAIL1 and MAIL2). */
export const letterLives: Readonly<Record<LetterToken['kind'], number>> = {
  reset: hour,
  verify: 24 * hour,
};

/** Letters of one kind whose tokens are good at a time: nobody's mailbox is flooded. */
const mostLetters = 5;

/** Tokens that an account remembers, those of attempts that may have failed included. */
const mostTokens = 32;

/** Writes the letters and has them sent. The token is made when one is sent, so that it is nowhere on disk. */
export class Letters {
  readonly #options: LettersOptions;

  constructor(options: LettersOptions) {
    this.#options = options;
  }

  /** Rejects where it could not be sent. Resolves also where there is nobody to send it to. */
  async send(
    errand: Exclude<Errand, { kind: 'revoke' }>,
    { id, attempts }: { id: string; attempts: number },
  ): Promise<void> {
    const account = await this.#addressee(errand);
    if (!account || (await this.#options.accounts.isAbandoned(account))) return;
    const { kind } = errand;
    if (kind === 'changed') {
      await this.#options.channel.send(letterTo(account, { id, kind }));
      return;
    }
    if (attempts === 0 && this.#live(account, kind) >= mostLetters) return;
    const made = await this.#makeToken(account, kind);
    await this.#options.channel.send(letterTo(account, { id, kind, ...made }));
  }

  async #addressee(errand: Exclude<Errand, { kind: 'revoke' }>): Promise<Account | undefined> {
    const { accounts } = this.#options;
    if (errand.kind === 'reset') {
      const email = parseEmail(errand.email);
      return email && (await accounts.byEmail(email));
    }
    const account = await accounts.byUid(errand.uid);
    return errand.kind === 'verify' && account?.emailVerified ? undefined : account;
  }

  #live({ letterTokens }: Account, kind: LetterToken['kind']): number {
    const now = this.#options.platform.clock.now();
    return letterTokens.filter((one) => one.kind === kind && one.expires > now).length;
  }

  async #makeToken(
    { uid }: Account,
    kind: LetterToken['kind'],
  ): Promise<{ token: string; expires: number }> {
    const { accounts, platform } = this.#options;
    const { token, hash } = makeLetterToken(uid, platform.random);
    const now = platform.clock.now();
    const expires = now + letterLives[kind];
    await accounts.change(uid, (held) => {
      const live = held.letterTokens.filter((one) => one.expires > now).slice(1 - mostTokens);
      return { ...held, letterTokens: [...live, { kind, hash, expires }] };
    });
    return { token, expires };
  }
}

function letterTo(
  { email, uid, r }: Account,
  letter: { id: string; kind: LetterKind; token?: string; expires?: number },
): Letter {
  return { ...letter, to: email, uid, r };
}
