import type { Tokens } from '../auth/tokens.js';
import type { Services } from '../commands/services.js';
import type { Log } from '../platform/log.js';
import type { AccountJobs } from './account-jobs.js';
import type { AccountRecords } from './account-records.js';
import type { Passwords } from './passwords/passwords.js';

export interface AccountsConfig {
  /** `/users`: the collection of the users' objects. */
  readonly users: string;
  /** False: no new accounts. */
  readonly signup: boolean;
  /** Lifetime of a login's token, milliseconds. */
  readonly tokenLife: number;
  /** Concurrent password hashes, and how many more may wait. */
  readonly concurrentHashes: number;
  readonly queuedHashes: number;
  /** Emails that may wait. */
  readonly pendingJobs: number;
}

/** What the parts of `Accounts` share. */
export interface AccountDeps {
  readonly services: Services;
  readonly accounts: AccountRecords;
  readonly passwords: Passwords;
  readonly jobs: AccountJobs;
  readonly tokens: Pick<Tokens, 'mint'>;
  readonly config: AccountsConfig;
  readonly log: Log;
}
