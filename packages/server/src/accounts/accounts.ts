import { type Auth, fail, type JsonObject, ProtocolError } from '@really/protocol';
import type { Audit } from '../auth/audit.js';
import type { Tokens } from '../auth/tokens.js';
import type { Bus } from '../bus/bus.js';
import type { Services } from '../commands/services.js';
import type { Log } from '../platform/log.js';
import type { Metrics } from '../platform/metrics.js';
import { accountsName, emailsName } from './account.js';
import {
  assertWritten,
  changePassword,
  requestVerification,
  resetPassword,
  verifyEmail,
} from './account-changes.js';
import type { AccountDeps, AccountsConfig } from './account-deps.js';
import { AccountJobs, jobsCollection } from './account-jobs.js';
import { AccountRecords } from './account-records.js';
import { readChange, readLogin, readReset, readSignup, textMember } from './credentials.js';
import type { EmailTransport } from './email/account-email.js';
import { sendEmail } from './email/account-mailer.js';
import { claimEmails } from './email/claim-emails.js';
import { canonicalEmail, parseEmail } from './email/email.js';
import { identitiesName } from './identity.js';
import { logIn, mintToken, wrongCredentials } from './login.js';
import { HashLimiter, type HashRequester } from './passwords/hash-limiter.js';
import { type Hasher, Passwords } from './passwords/passwords.js';
import { signUp } from './signup.js';

export interface AccountsOptions {
  readonly services: Services;
  readonly bus: Bus;
  readonly tokens: Pick<Tokens, 'mint'>;
  /** Revokes every token of a uid issued so far. Rejects with 503. */
  readonly revokeTokens: (uid: string) => Promise<void>;
  readonly audit: Audit;
  readonly hasher: Hasher;
  /** Without it no emails are sent, and none can be requested. */
  readonly emailTransport?: EmailTransport | undefined;
  readonly config: AccountsConfig;
  /** The hash limiter of the whole server, where it serves several apps. */
  readonly serverHashes?: HashLimiter | undefined;
  readonly log: Log;
  readonly metrics?: Metrics | undefined;
}

/** Response of `/auth/password/signup`. */
export interface SignedUp {
  readonly authType: 'password';
  readonly user: { readonly _r: string; readonly email: string };
}

/** Response of `/auth/password/login`. */
export interface LoggedIn {
  readonly authType: 'password';
  readonly accessToken: string;
}

const authType = 'password';

/**
 * Accounts with an email address and a password; the parameter `address` is the network address.
 * All methods reject with a `ProtocolError`.
 */
export class Accounts {
  readonly #deps: AccountsOptions & AccountDeps;

  constructor(options: AccountsOptions) {
    const { services, bus, hasher, config, emailTransport, metrics, log } = options;
    const { objects, platform, store } = services;
    const accounts = new AccountRecords(objects);
    const hashes = new HashLimiter({
      concurrency: config.concurrentHashes,
      maxWaiting: config.queuedHashes,
      platform,
      metrics,
      shared: options.serverHashes,
    });
    const mail = emailTransport && { accounts, transport: emailTransport, platform };
    const jobs = new AccountJobs({
      ...{ objects, store, bus, platform, log, metrics },
      ...{ sendsEmails: mail !== undefined, limit: config.pendingJobs },
      run: async (job, about) => {
        if (job.kind === 'revoke') await options.revokeTokens(job.uid);
        else if (mail) await sendEmail(mail, job, about);
      },
    });
    this.#deps = { ...options, accounts, passwords: new Passwords(hasher, hashes), jobs };
  }

  /** Whether emails can be requested. */
  get sendsEmails(): boolean {
    return this.#deps.emailTransport !== undefined;
  }

  /** Resumes what an earlier process did not finish. */
  async open(): Promise<void> {
    const names = [accountsName, emailsName, jobsCollection, identitiesName];
    // Their changes are never read.
    const retention = { history: 1 };
    const layouts = names.map((name) => ({ names: [name], indexes: [], retention }));
    const { services, jobs } = this.#deps;
    await services.store.prepare(layouts);
    await claimEmails(services);
    await jobs.open();
  }

  /** Resolves when nothing is running. */
  async close(): Promise<void> {
    await this.#deps.jobs.close();
  }

  /** Rules PWD1 to PWD4. */
  async signUp(body: JsonObject, address: string, requester?: HashRequester): Promise<SignedUp> {
    const { config, audit } = this.#deps;
    if (!config.signup) {
      audit.record('signup.failed', { address, authType, reason: 'closed' });
      throw fail('forbidden');
    }
    const request = readSignup(body);
    try {
      const { uid, r, email } = await signUp(this.#deps, request, requester);
      audit.record('signup.ok', { address, uid, authType });
      return { authType, user: { _r: r, email: canonicalEmail(email) } };
    } catch (error) {
      if (isRefusal(error)) audit.record('signup.failed', { address, authType, reason: 'refused' });
      throw error;
    }
  }

  /** Rules PWD5 to PWD8. */
  async logIn(body: JsonObject, address: string, requester?: HashRequester): Promise<LoggedIn> {
    const { audit } = this.#deps;
    const result = await logIn(this.#deps, readLogin(body), requester);
    const { uid } = result;
    if (!result.ok) {
      audit.record('login.failed', { address, uid, authType, reason: result.reason });
      throw wrongCredentials();
    }
    audit.record('login.ok', { address, uid, authType });
    return { authType, accessToken: result.accessToken };
  }

  /** Rule PWD10: returns a new token, because the one in the request is revoked with the others. */
  async changePassword(
    body: JsonObject,
    { uid }: Auth,
    { address, requester }: { address: string; requester?: HashRequester | undefined },
  ): Promise<LoggedIn> {
    const account = await changePassword(this.#deps, uid, readChange(body), requester);
    this.#audit('password', uid, address);
    return { authType, accessToken: await mintToken(this.#deps, account) };
  }

  /** Rule MAIL1: the same for every address. The owner is looked up when the email is written. */
  async requestReset(body: JsonObject): Promise<object> {
    const email = textMember(body, 'email');
    const { jobs } = this.#deps;
    jobs.assertRoom();
    if (parseEmail(email)) assertWritten(await jobs.write([], [{ kind: 'reset', email }]));
    return {};
  }

  /** Rule MAIL1. */
  async reset(body: JsonObject, address: string, requester?: HashRequester): Promise<object> {
    const { token, password } = readReset(body);
    const { uid } = await resetPassword(this.#deps, token, password, requester);
    this.#audit('password', uid, address);
    return {};
  }

  /** Rule MAIL2. */
  async requestVerification({ uid }: Auth): Promise<object> {
    await requestVerification(this.#deps, uid);
    return {};
  }

  /** Rule MAIL2. */
  async verify(body: JsonObject, address: string): Promise<object> {
    const { uid } = await verifyEmail(this.#deps, textMember(body, 'token'));
    this.#audit('emailVerified', uid, address);
    return {};
  }

  #audit(what: string, uid: string, address: string): void {
    this.#deps.audit.record('account.changed', { address, uid, authType, what });
  }
}

/** The account that a login is for, whether it exists or not; `undefined` where it cannot exist. */
export function accountKeyOf({ email }: JsonObject): string | undefined {
  return typeof email === 'string' ? parseEmail(email)?.id : undefined;
}

/** An error of the client, not a failure of the server. */
function isRefusal(error: unknown): boolean {
  return error instanceof ProtocolError && error.code < 500;
}
