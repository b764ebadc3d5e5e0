import { type Auth, fail, type JsonObject, ProtocolError } from '@really/protocol';
import type { Audit } from '../auth/audit.js';
import type { Tokens } from '../auth/tokens.js';
import type { Services } from '../commands/services.js';
import { SystemRecords } from '../objects/system-records.js';
import type { Log } from '../platform/log.js';
import type { Metrics } from '../platform/metrics.js';
import { accountsName, emailsName } from './account.js';
import { type AccountJob, jobsCollection } from './account-job.js';
import { AccountJobs } from './account-jobs.js';
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
  readonly tokens: Pick<Tokens, 'mint'>;
  /** Revokes every token of a uid issued so far. Rejects with 503. */
  readonly revokeTokens: (uid: string) => Promise<void>;
  readonly audit: Audit;
  readonly hasher: Hasher;
  /** Without one no letters are sent, and none can be asked for. */
  readonly emailTransport?: EmailTransport | undefined;
  readonly config: AccountsConfig;
  /** The slots of the whole server for password hashes, where it carries several apps. */
  readonly serverHashes?: HashLimiter | undefined;
  readonly log: Log;
  readonly metrics?: Metrics | undefined;
}

export interface AccountsConfig {
  /** `/users`: where the users' objects are made. */
  readonly users: string;
  /** False: nobody new. */
  readonly signup: boolean;
  /** Milliseconds that a token of a login is good for. */
  readonly tokenLife: number;
  /** Password hashes at once, and how many more may wait. */
  readonly concurrentHashes: number;
  readonly queuedHashes: number;
  /** Letters that may wait. */
  readonly pendingJobs: number;
}

/** What `/auth/password/signup` answers. */
export interface SignedUp {
  readonly authType: 'password';
  readonly user: { readonly _r: string; readonly email: string };
}

/** What `/auth/password/login` answers. */
export interface LoggedIn {
  readonly authType: 'password';
  readonly accessToken: string;
}

const authType = 'password';

/** People who log in with an email address and a password; `address` is the network's. All methods reject with a `ProtocolError`. */
export class Accounts {
  readonly #options: AccountsOptions;
  readonly #accounts: AccountRecords;
  readonly #jobs: AccountJobs;
  readonly #signup: Signup;
  readonly #login: Login;
  readonly #newPassword: NewPassword;
  readonly #verification: Verification;

  constructor(options: AccountsOptions) {
    const { services, hasher, config, emailTransport, metrics, log } = options;
    const { objects, platform, store } = services;
    const { clock } = platform;
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
    const sendsEmails = mailer !== undefined;
    const jobs = new AccountJobs({
      objects,
      records,
      store,
      platform,
      log,
      metrics,
      limit: config.pendingJobs,
      run: async (job, about) => {
        if (job.kind === 'revoke') await options.revokeTokens(job.uid);
        else await mailer?.send(job, about);
      },
    });
    const common = { ...options, accounts, passwords, jobs, clock, sendsEmails };
    this.#options = options;
    this.#accounts = accounts;
    this.#jobs = jobs;
    this.#signup = new Signup({ ...common, users: config.users });
    this.#login = new Login({ ...common, life: config.tokenLife });
    this.#newPassword = new NewPassword(common);
    this.#verification = new Verification(common);
  }

  /** Whether letters can be asked for. */
  get sendsEmails(): boolean {
    return this.#options.emailTransport !== undefined;
  }

  /** Takes up what a former process left undone. */
  async open(): Promise<void> {
    const names = [accountsName, emailsName, jobsCollection, identitiesName];
    // Of what they held before nobody asks.
    const layouts = names.map((name) => ({
      names: [name],
      indexes: [],
      retention: { history: 1 },
    }));
    await this.#options.services.store.prepare(layouts);
    await claimEmails(this.#options.services.store, this.#accounts);
    await this.#jobs.open();
  }

  /** Resolves when nothing is under way. */
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

  /** Rule PWD10: answers with a fresh token, because the one that was sent is revoked with the others. */
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

  /** Rule MAIL1: the same for every address. Who has it is looked up when the letter is written. */
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

/** The account that a login is for, whether there is one or not; `undefined` where it can be nobody's. */
export function accountKeyOf({ email }: JsonObject): string | undefined {
  return typeof email === 'string' ? parseEmail(email)?.id : undefined;
}

/** What a client did wrong, as against trouble of the server's. */
function isRefusal(error: unknown): boolean {
  return error instanceof ProtocolError && error.code < 500;
}
