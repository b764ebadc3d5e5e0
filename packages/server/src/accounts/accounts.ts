import { type Auth, fail, type JsonObject, ProtocolError } from '@really/protocol';
import type { Audit } from '../auth/audit.js';
import type { Tokens } from '../auth/tokens.js';
import type { Services } from '../commands/services.js';
import { SystemRecords } from '../objects/system-records.js';
import type { Log } from '../platform/log.js';
import type { Metrics } from '../platform/metrics.js';
import { accountsName, emailsName } from './account.js';
import { AccountRecords } from './account-records.js';
import { claimEmails } from './claim-emails.js';
import { readChange, readLogin, readReset, readSignup, textMember } from './credentials.js';
import { canonicalEmail, parseEmail } from './email.js';
import { type Errand, errandsName } from './errand.js';
import { Errands } from './errands.js';
import { type Asker, HashSlots } from './hash-slots.js';
import type { Hasher } from './hasher.js';
import { identitiesName } from './identity.js';
import type { LetterChannel } from './letter.js';
import { Letters } from './letters.js';
import { Login, wrongCredentials } from './login.js';
import { assertWritten, NewPassword } from './new-password.js';
import { Passwords } from './passwords.js';
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
  readonly channel?: LetterChannel | undefined;
  readonly config: AccountsConfig;
  /** The slots of the whole server for password hashes, where it carries several apps. */
  readonly serverHashes?: HashSlots | undefined;
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
  readonly hashes: number;
  readonly hashesWaiting: number;
  /** Letters that may wait. */
  readonly errands: number;
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
  readonly #errands: Errands;
  readonly #signup: Signup;
  readonly #login: Login;
  readonly #newPassword: NewPassword;
  readonly #verification: Verification;

  constructor(options: AccountsOptions) {
    const { services, hasher, config, channel, metrics, log } = options;
    const { objects, platform, store } = services;
    const { clock } = platform;
    const records = new SystemRecords(objects);
    const accounts = new AccountRecords(records, objects);
    const slots = { atOnce: config.hashes, waiting: config.hashesWaiting, platform, metrics };
    const shared = options.serverHashes;
    const passwords = new Passwords(hasher, new HashSlots({ ...slots, shared }));
    const letters = channel && new Letters({ accounts, channel, platform });
    const sendsLetters = letters !== undefined;
    const errands = new Errands({
      objects,
      records,
      store,
      platform,
      log,
      metrics,
      limit: config.errands,
      run: async (errand, about) => {
        if (errand.kind === 'revoke') await options.revokeTokens(errand.uid);
        else await letters?.send(errand, about);
      },
    });
    const common = { ...options, accounts, passwords, errands, clock, sendsLetters };
    this.#options = options;
    this.#accounts = accounts;
    this.#errands = errands;
    this.#signup = new Signup({ ...common, users: config.users });
    this.#login = new Login({ ...common, life: config.tokenLife });
    this.#newPassword = new NewPassword(common);
    this.#verification = new Verification(common);
  }

  /** Whether letters can be asked for. */
  get sendsLetters(): boolean {
    return this.#options.channel !== undefined;
  }

  /** Takes up what a former process left undone. */
  async open(): Promise<void> {
    const names = [accountsName, emailsName, errandsName, identitiesName];
    // Of what they held before nobody asks.
    const layouts = names.map((name) => ({
      names: [name],
      indexes: [],
      retention: { history: 1 },
    }));
    await this.#options.services.store.prepare(layouts);
    await claimEmails(this.#options.services.store, this.#accounts);
    await this.#errands.open();
  }

  /** Resolves when nothing is under way. */
  async close(): Promise<void> {
    await this.#errands.close();
  }

  /** Rules PWD1 to PWD4. */
  async signUp(body: JsonObject, address: string, asker?: Asker): Promise<SignedUp> {
    const { config, audit } = this.#options;
    if (!config.signup) {
      audit.record('signup.failed', { address, authType, reason: 'closed' });
      throw fail('forbidden');
    }
    const { uid, r, email } = await this.#signup
      .run(readSignup(body), asker)
      .catch((error: unknown) => {
        if (isRefusal(error))
          audit.record('signup.failed', { address, authType, reason: 'refused' });
        throw error;
      });
    audit.record('signup.ok', { address, uid, authType });
    return { authType, user: { _r: r, email: canonicalEmail(email) } };
  }

  /** Rules PWD5 to PWD8. */
  async logIn(body: JsonObject, address: string, asker?: Asker): Promise<LoggedIn> {
    const { audit } = this.#options;
    const result = await this.#login.run(readLogin(body), asker);
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
    { address, asker }: { readonly address: string; readonly asker?: Asker | undefined },
  ): Promise<LoggedIn> {
    const account = await this.#newPassword.change(uid, readChange(body), asker);
    this.#audit('password', uid, address);
    return { authType, accessToken: await this.#login.mint(account) };
  }

  /** Rule MAIL1: the same for every address. Who has it is looked up when the letter is written. */
  async requestReset(body: JsonObject): Promise<object> {
    const email = textMember(body, 'email');
    this.#errands.assertRoom();
    if (parseEmail(email)) await this.#ask({ kind: 'reset', email });
    return {};
  }

  /** Rule MAIL1. */
  async reset(body: JsonObject, address: string, asker?: Asker): Promise<object> {
    const { token, password } = readReset(body);
    const { uid } = await this.#newPassword.reset(token, password, asker);
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

  async #ask(errand: Errand): Promise<void> {
    assertWritten(await this.#errands.write([], [errand]));
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
