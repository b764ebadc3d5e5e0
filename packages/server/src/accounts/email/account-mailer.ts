import type { Platform } from '../../platform/platform.js';
import type { Account, OneTimeToken } from '../account.js';
import type { AccountJob } from '../account-jobs.js';
import type { AccountRecords } from '../account-records.js';
import type { AccountEmail, EmailKind, EmailTransport } from './account-email.js';
import { parseEmail } from './email.js';
import { createOneTimeToken } from './one-time-token.js';

export interface AccountMailerOptions {
  readonly accounts: AccountRecords;
  readonly transport: EmailTransport;
  readonly platform: Platform;
}

const hour = 60 * 60 * 1000;

/** Lifetimes of the tokens in emails, milliseconds (rules MAIL1 and MAIL2). */
export const emailTokenLifetimes: Readonly<Record<OneTimeToken['kind'], number>> = {
  reset: hour,
  verify: 24 * hour,
};

/** Maximum valid tokens per kind of email, so that nobody's mailbox is flooded. */
const maxLiveTokens = 5;

/** Tokens that an account remembers, including those of attempts that may have failed. */
const maxStoredTokens = 32;

/** Writes emails and sends them. The token is made at sending, so that it is never on disk. */
export class AccountMailer {
  readonly #options: AccountMailerOptions;

  constructor(options: AccountMailerOptions) {
    this.#options = options;
  }

  /** Rejects where it could not be sent. Resolves also where there is no recipient. */
  async send(
    job: Exclude<AccountJob, { kind: 'revoke' }>,
    { id, attempts }: { id: string; attempts: number },
  ): Promise<void> {
    const account = await this.#recipient(job);
    if (!account || (await this.#options.accounts.isAbandoned(account))) return;
    const { kind } = job;
    if (kind === 'changed') {
      await this.#options.transport.send(emailTo(account, { id, kind }));
      return;
    }
    if (attempts === 0 && this.#countLiveTokens(account, kind) >= maxLiveTokens) return;
    const made = await this.#makeToken(account, kind);
    await this.#options.transport.send(emailTo(account, { id, kind, ...made }));
  }

  async #recipient(job: Exclude<AccountJob, { kind: 'revoke' }>): Promise<Account | undefined> {
    const { accounts } = this.#options;
    if (job.kind === 'reset') {
      const email = parseEmail(job.email);
      return email && (await accounts.byEmail(email));
    }
    const account = await accounts.byUid(job.uid);
    return job.kind === 'verify' && account?.emailVerified ? undefined : account;
  }

  #countLiveTokens({ oneTimeTokens }: Account, kind: OneTimeToken['kind']): number {
    const now = this.#options.platform.clock.now();
    return oneTimeTokens.filter((record) => record.kind === kind && record.expires > now).length;
  }

  async #makeToken(
    { uid }: Account,
    kind: OneTimeToken['kind'],
  ): Promise<{ token: string; expires: number }> {
    const { accounts, platform } = this.#options;
    const { token, hash } = createOneTimeToken(uid, platform.random);
    const now = platform.clock.now();
    const expires = now + emailTokenLifetimes[kind];
    await accounts.change(uid, (held) => {
      const live = held.oneTimeTokens
        .filter((record) => record.expires > now)
        .slice(1 - maxStoredTokens);
      return { ...held, oneTimeTokens: [...live, { kind, hash, expires }] };
    });
    return { token, expires };
  }
}

function emailTo(
  { email, uid, r }: Account,
  content: { id: string; kind: EmailKind; token?: string; expires?: number },
): AccountEmail {
  return { ...content, to: email, uid, r };
}
