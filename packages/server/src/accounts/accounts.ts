import { fail, type JsonObject, ProtocolError } from '@really/protocol';
import type { Audit } from '../auth/audit.js';
import type { Tokens } from '../auth/tokens.js';
import type { Services } from '../commands/services.js';
import { SystemRecords } from '../objects/system-records.js';
import type { Log } from '../platform/log.js';
import { type Metrics, noMetrics } from '../platform/metrics.js';
import { type Account, accountR, authOf, emailR, readAccount } from './account.js';
import { readLogin, readSignup } from './credentials.js';
import type { Email } from './email.js';
import { HashSlots } from './hash-slots.js';
import type { Hasher } from './hasher.js';
import { Passwords } from './passwords.js';
import { Signup } from './signup.js';

export interface AccountsOptions {
  readonly services: Services;
  readonly tokens: Pick<Tokens, 'mint'>;
  readonly audit: Audit;
  readonly hasher: Hasher;
  readonly config: AccountsConfig;
  readonly log: Log;
  readonly metrics?: Metrics | undefined;
}

export interface AccountsConfig {
  /** `/users`: where the users' objects are made. */
  readonly users: string;
  /** False: nobody new. */
  readonly signup: boolean;
  /** Password hashes at once, and how many more may wait. */
  readonly hashes: number;
  readonly hashesWaiting: number;
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

/** Milliseconds that a token of a login is good for. */
const passwordLife = 7 * 24 * 60 * 60 * 1000;

const authType = 'password';

/** What stands in for the uid of an address that nobody has: what is looked up then is the same. */
const nobody = 'nobody';

/** People who log in with an email address and a password; `address` is the network's. All methods reject with a `ProtocolError`. */
export class Accounts {
  readonly #options: AccountsOptions;
  readonly #records: SystemRecords;
  readonly #passwords: Passwords;
  readonly #signup: Signup;

  constructor(options: AccountsOptions) {
    const { services, hasher, config, log, metrics = noMetrics } = options;
    const { hashes: atOnce, hashesWaiting: waiting } = config;
    const { platform } = services;
    this.#options = options;
    this.#records = new SystemRecords(services.objects);
    this.#passwords = new Passwords(hasher, new HashSlots({ atOnce, waiting, platform, metrics }));
    this.#signup = new Signup({
      services,
      records: this.#records,
      passwords: this.#passwords,
      users: config.users,
      log,
    });
  }

  /** Rules PWD1 to PWD4. */
  async signUp(body: JsonObject, address: string): Promise<SignedUp> {
    const { config, audit } = this.#options;
    if (!config.signup) {
      audit.record('signup.failed', { address, authType, reason: 'closed' });
      throw fail('forbidden');
    }
    const { uid, r, email } = await this.#signup.run(readSignup(body)).catch((error: unknown) => {
      if (isRefusal(error)) audit.record('signup.failed', { address, authType, reason: 'refused' });
      throw error;
    });
    audit.record('signup.ok', { address, uid, authType });
    return { authType: 'password', user: { _r: r, email } };
  }

  /** Rules PWD5 to PWD8. */
  async logIn(body: JsonObject, address: string): Promise<LoggedIn> {
    const { audit, services, tokens } = this.#options;
    const { email, password } = readLogin(body);
    const account = await this.#find(email);
    const matches = await this.#passwords.matches(account?.password, password);
    if (!matches || !account) {
      const reason = account ? 'password.wrong' : 'account.unknown';
      audit.record('login.failed', { address, uid: account?.uid, authType, reason });
      throw wrongCredentials();
    }
    audit.record('login.ok', { address, uid: account.uid, authType });
    await this.#renewHash(account, password);
    const expires = services.platform.clock.now() + passwordLife;
    const accessToken = await tokens.mint({ ...authOf(account), expires });
    return { authType: 'password', accessToken };
  }

  /** As many reads for an address that nobody has as for one that somebody has. */
  async #find(email: Email | undefined): Promise<Account | undefined> {
    const owner = await this.#records.get(emailR(email?.id ?? nobody));
    const uid = typeof owner?.uid === 'string' ? owner.uid : nobody;
    const record = await this.#records.get(accountR(uid));
    return record && readAccount(record);
  }

  /** A hash of former parameters is replaced while the password is at hand. The login does not depend on it. */
  async #renewHash(account: Account, password: string): Promise<void> {
    if (this.#passwords.isCurrent(account.password)) return;
    try {
      const renewed = await this.#passwords.hash(password);
      await this.#records.put(accountR(account.uid), (held) => {
        // Another password may have been set in between.
        const isSame = held?.password === account.password;
        return { ...held, ...(isSame && { password: renewed }) };
      });
    } catch (error) {
      this.#options.log.warn({ err: error }, 'a password hash could not be renewed');
    }
  }
}

/** What a client did wrong, as against trouble of the server's. */
function isRefusal(error: unknown): boolean {
  return error instanceof ProtocolError && error.code < 500;
}

/** Rule PWD6: one answer, whatever was wrong. */
function wrongCredentials(): Error {
  return fail('invalid/incorrect/expired access token', { password: ['credentials.invalid'] });
}
