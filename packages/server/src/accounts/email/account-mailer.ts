import type { Platform } from '../../platform/platform.js';
import type { Account, OneTimeToken } from '../account.js';
import type { AccountJob } from '../account-jobs.js';
import type { AccountRecords } from '../account-records.js';
import type { EmailTransport } from './account-email.js';
import { parseEmail } from './email.js';
import { createOneTimeToken } from './one-time-token.js';

interface AccountMailDeps {
  readonly accounts: AccountRecords;
  readonly transport: EmailTransport;
  readonly platform: Platform;
}

type EmailJob = Exclude<AccountJob, { kind: 'revoke' }>;

const hour = 60 * 60 * 1000;

/** Lifetimes of the tokens in emails, milliseconds (rules MAIL1 and MAIL2). */
const emailTokenLifetimes: Readonly<Record<OneTimeToken['kind'], number>> = {
  reset: hour,
  verify: 24 * hour,
};

/** Maximum valid tokens per kind of email, so that nobody's mailbox is flooded. */
const maxLiveTokens = 5;

/** Tokens that an account remembers, including those of attempts that may have failed. */
const maxStoredTokens = 32;

/**
 * Writes the email of a job and sends it. The token is made at sending, so that it is never on disk.
 * Rejects where it could not be sent. Resolves also where there is no recipient.
 */
export async function sendEmail(
  deps: AccountMailDeps,
  job: EmailJob,
  { id, attempts }: { id: string; attempts: number },
): Promise<void> {
  const { accounts, transport, platform } = deps;
  const account = await recipientOf(accounts, job);
  if (!account || (await accounts.isAbandoned(account))) return;
  const { kind } = job;
  const { uid, r, email: to } = account;
  if (kind === 'changed') {
    await transport.send({ id, kind, to, uid, r });
    return;
  }
  if (attempts === 0) {
    const now = platform.clock.now();
    const live = account.oneTimeTokens.filter((one) => one.kind === kind && one.expires > now);
    if (live.length >= maxLiveTokens) return;
  }
  await transport.send({ id, kind, to, uid, r, ...(await makeToken(deps, uid, kind)) });
}

async function recipientOf(accounts: AccountRecords, job: EmailJob): Promise<Account | undefined> {
  if (job.kind === 'reset') {
    const email = parseEmail(job.email);
    return email && (await accounts.byEmail(email));
  }
  const account = await accounts.byUid(job.uid);
  return job.kind === 'verify' && account?.emailVerified ? undefined : account;
}

async function makeToken(
  { accounts, platform }: AccountMailDeps,
  uid: string,
  kind: OneTimeToken['kind'],
): Promise<{ token: string; expires: number }> {
  const { token, hash } = createOneTimeToken(uid, platform.random);
  const now = platform.clock.now();
  const expires = now + emailTokenLifetimes[kind];
  await accounts.change(uid, (held) => {
    const live = held.oneTimeTokens.filter((one) => one.expires > now).slice(1 - maxStoredTokens);
    return { ...held, oneTimeTokens: [...live, { kind, hash, expires }] };
  });
  return { token, expires };
}
