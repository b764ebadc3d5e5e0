import { type Auth, fail, type JsonObject, ProtocolError } from '@really/protocol';
import type { Audit } from '../auth/audit.js';
import type { Tokens } from '../auth/tokens.js';
import type { Bus } from '../bus/bus.js';
import type { Services } from '../commands/services.js';
import { SystemRecords } from '../objects/system-records.js';
import type { Log } from '../platform/log.js';
import type { Metrics } from '../platform/metrics.js';
import { accountsName, emailsName } from './account.js';
import type { AccountsConfig } from './account-deps.js';
import { type AccountJob, AccountJobs, jobsCollection } from './account-jobs.js';
import { AccountRecords } from './account-records.js';
import { readChange, readLogin, readReset, readSignup, textMember } from './credentials.js';
import type { EmailTransport } from './email/account-email.js';
import { AccountMailer } from './email/account-mailer.js';
import { claimEmails } from './email/claim-emails.js';
import { canonicalEmail, parseEmail } from './email/email.js';
import { identitiesName } from './identity.js';
import { Login, wrongCredentials } from './login.js';
import { HashLimiter, type HashRequester } from './passwords/hash-limiter.js';
import type { Hasher } from './passwords/hasher.js';
import { assertWritten, NewPassword } from './passwords/new-password.js';
import { Passwords } from './passwords/passwords.js';
import { Signup } from './signup.js';
import { Verification } from './verification.js';

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
  readonly #options: AccountsOptions;
  readonly #accounts: AccountRecords;
  readonly #jobs: AccountJobs;
  readonly #signup: Signup;
  readonly #login: Login;
  readonly #newPassword: NewPassword;
  readonly #verification: Verification;

  constructor(options: AccountsOptions) {
    const { services, bus, hasher, config, emailTransport, metrics, log } = options;
    const { objects, platform, store } = services;
    const records = new SystemRecords(objects);
    const accounts = new AccountRecords(records, objects);
    const slots = {
      concurrency: config.concurrentHashes,
      maxWaiting: config.queuedHashes,
      platform,
      metrics,
    };
    const shared = options.serverHashes;
    const passwords = new Passwords(hasher, new HashLimiter({ ...slots, shared }));
    const mailer =
      emailTransport && new AccountMailer({ accounts, transport: emailTransport, platform });
    const jobs = new AccountJobs({
      ...{ objects, store, bus, platform, log, metrics },
      ...{ sendsEmails: mailer !== undefined, limit: config.pendingJobs },
      run: async (job, about) => {
        if (job.kind === 'revoke') await options.revokeTokens(job.uid);
        else await mailer?.send(job, about);
      },
    });
    const deps = { ...options, accounts, passwords, jobs };
    this.#options = options;
    this.#accounts = accounts;
    this.#jobs = jobs;
    this.#signup = new Signup(deps);
    this.#login = new Login(deps);
    this.#newPassword = new NewPassword(deps);
    this.#verification = new Verification(deps);
  }

  /** Whether emails can be requested. */
  get sendsEmails(): boolean {
    return this.#options.emailTransport !== undefined;
  }

  /** Resumes what an earlier process did not finish. */
  async open(): Promise<void> {
    const names = [accountsName, emailsName, jobsCollection, identitiesName];
    // Their changes are never read.
    const layouts = names.map((name) => ({
      names: [name],
      indexes: [],
      retention: { history: 1 },
    }));
    await this.#options.services.store.prepare(layouts);
    await claimEmails(this.#options.services.store, this.#accounts);
    await this.#jobs.open();
  }

  /** Resolves when nothing is running. */
  async close(): Promise<void> {
    await this.#jobs.close();
  }

  /** Rules PWD1 to PWD4. */
  async signUp(body: JsonObject, address: string, requester?: HashRequester): Promise<SignedUp> {
    const { config, audit } = this.#options;
    if (!config.signup) {
      audit.record('signup.failed', { address, authType, reason: 'closed' });
      throw fail('forbidden');
    }
    const { uid, r, email } = await this.#signup
      .run(readSignup(body), requester)
      .catch((error: unknown) => {
        if (isRefusal(error))
          audit.record('signup.failed', { address, authType, reason: 'refused' });
        throw error;
      });
    audit.record('signup.ok', { address, uid, authType });
    return { authType, user: { _r: r, email: canonicalEmail(email) } };
  }

  /** Rules PWD5 to PWD8. */
  async logIn(body: JsonObject, address: string, requester?: HashRequester): Promise<LoggedIn> {
    const { audit } = this.#options;
    const result = await this.#login.run(readLogin(body), requester);
    if (!result.ok) {
      const { uid, reason } = result;
      audit.record('login.failed', { address, uid, authType, reason });
      throw wrongCredentials();
    }
    audit.record('login.ok', { address, uid: result.account.uid, authType });
    return { authType, accessToken: result.accessToken };
  }

  /** Rule PWD10: returns a new token, because the one in the request is revoked with the others. */
  async changePassword(
    body: JsonObject,
    { uid }: Auth,
    {
      address,
      requester,
    }: { readonly address: string; readonly requester?: HashRequester | undefined },
  ): Promise<LoggedIn> {
    const account = await this.#newPassword.change(uid, readChange(body), requester);
    this.#audit('password', uid, address);
    return { authType, accessToken: await this.#login.mint(account) };
  }

  /**
   * Rule MAIL1: does the same for every address. The owner is looked up when the email is written.
   */
  async requestReset(body: JsonObject): Promise<object> {
    const email = textMember(body, 'email');
    this.#jobs.assertRoom();
    if (parseEmail(email)) await this.#enqueue({ kind: 'reset', email });
    return {};
  }

  /** Rule MAIL1. */
  async reset(body: JsonObject, address: string, requester?: HashRequester): Promise<object> {
    const { token, password } = readReset(body);
    const { uid } = await this.#newPassword.reset(token, password, requester);
    this.#audit('password', uid, address);
    return {};
  }

  /** Rule MAIL2. */
  async requestVerification({ uid }: Auth): Promise<object> {
    await this.#verification.request(uid);
    return {};
  }

  /** Rule MAIL2. */
  async verify(body: JsonObject, address: string): Promise<object> {
    const { uid } = await this.#verification.verify(textMember(body, 'token'));
    this.#audit('emailVerified', uid, address);
    return {};
  }

  async #enqueue(job: AccountJob): Promise<void> {
    assertWritten(await this.#jobs.write([], [job]));
  }

  #audit(what: string, uid: string, address: string): void {
    this.#options.audit.record('account.changed', { address, uid, authType, what });
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
