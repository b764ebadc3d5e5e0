import { ProtocolError } from '@really/protocol';
import type { Audit } from '../auth/audit.js';
import { defaultTokenLifetimes } from '../auth/token-lifetimes.fixture.js';
import { Tokens } from '../auth/tokens.js';
import { type ModelFiles, type TestApp, testApp } from '../commands/test-app.fixture.js';
import { silentLog } from '../platform/log.js';
import type { AccountsConfig } from './account-deps.js';
import { PermanentFailure } from './account-jobs.js';
import { Accounts } from './accounts.js';
import type { AccountEmail, EmailTransport } from './email/account-email.js';
import type { HashLimiter } from './passwords/hash-limiter.js';
import type { Hasher } from './passwords/passwords.js';

export const usersModel = `version: 1
fields:
  email: { type: String, unique: true }
  name: { type: String, required: true }
access:
  create: auth.authType == "password" && auth._r == r
  read: auth._r == obj._r
`;

export interface AccountsApp extends TestApp {
  readonly accounts: Accounts;
  readonly hasher: CountingHasher;
  readonly tokens: Tokens;
  /** The events of the audit log, with their reasons. */
  readonly audited: string[];
  /** Uids whose tokens were revoked. */
  readonly revoked: string[];
  /** How many of the next revocations fail. */
  readonly failures: { revocations: number };
  /** Another process on the same data, after this one has ended. */
  again(transport: EmailTransport): Accounts;
}

/** Accounts on a memory store, with hashes that cost nothing and are counted. */
export async function accountsApp({
  models = { users: usersModel },
  config = {},
  hasher = new CountingHasher(),
  transport,
  serverHashes,
}: {
  models?: ModelFiles;
  config?: Partial<AccountsConfig>;
  hasher?: CountingHasher;
  transport?: EmailTransport;
  serverHashes?: HashLimiter;
} = {}): Promise<AccountsApp> {
  const app = await testApp({ models, mode: 'production' });
  const tokens = new Tokens({ secret: 'a secret of at least thirty-two characters', ...app });
  const audited: string[] = [];
  const audit: Audit = {
    record: (event, { reason }) =>
      audited.push(reason === undefined ? event : `${event}: ${reason}`),
  };
  const revoked: string[] = [];
  const failures = { revocations: 0 };
  const revokeTokens = async (uid: string) => {
    if (failures.revocations-- > 0) throw new Error('the store is unavailable');
    revoked.push(uid);
  };
  const options = {
    services: app.services,
    bus: app.bus,
    tokens,
    revokeTokens,
    audit,
    hasher,
    config: {
      users: '/users',
      signup: true,
      tokenLife: defaultTokenLifetimes.password,
      concurrentHashes: 2,
      queuedHashes: 256,
      pendingJobs: 100,
      ...config,
    },
    serverHashes,
    log: silentLog,
  };
  const again = (other?: EmailTransport) => new Accounts({ ...options, emailTransport: other });
  return { ...app, accounts: again(transport), again, hasher, tokens, audited, revoked, failures };
}

/** Does not hash: its text names the call, and it waits when held. */
export class CountingHasher implements Hasher {
  readonly dummyHash = 'plain:1:';
  readonly asked: string[] = [];
  /** Of later hashes. */
  generation = 1;
  running = 0;
  mostAtOnce = 0;
  #gate: Promise<void> = Promise.resolve();

  /** Holds every call from now on until the returned function is called. */
  hold(): () => void {
    let open = () => {};
    this.#gate = new Promise((resolve) => {
      open = resolve;
    });
    return open;
  }

  async hash(password: Uint8Array): Promise<string> {
    await this.#work('hash');
    return `plain:${this.generation}:${Buffer.from(password).toString('hex')}`;
  }

  async verify(hash: string, password: Uint8Array): Promise<boolean> {
    await this.#work(hash === this.dummyHash ? "verify nobody's" : 'verify');
    return hash.split(':')[2] === Buffer.from(password).toString('hex');
  }

  isCurrent(hash: string): boolean {
    return hash.startsWith(`plain:${this.generation}:`);
  }

  async #work(what: string): Promise<void> {
    this.asked.push(what);
    this.running += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.running);
    await this.#gate;
    this.running -= 1;
  }
}

/** The response, or the error as on the wire. */
export async function outcome(answer: Promise<object>): Promise<unknown> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ProtocolError) return { ...error.toJSON(), meta: error.meta };
    throw error;
  }
}

/** Keeps what is sent, and fails when a test wants it to. */
export class TestTransport implements EmailTransport {
  readonly emails: AccountEmail[] = [];
  /** How the next emails fail: for now, or permanently. */
  failures: ('now' | 'ever')[] = [];
  attempts = 0;
  #waiting: (() => void)[] = [];

  async send(email: AccountEmail): Promise<void> {
    this.attempts += 1;
    const failure = this.failures.shift();
    for (const resume of this.#waiting.splice(0)) resume();
    if (failure === 'now') throw new Error('the mail server is away');
    if (failure === 'ever') throw new PermanentFailure('there is no such mailbox');
    this.emails.push(email);
  }

  /** Resolves after this many attempts to send. */
  async tried(count: number): Promise<void> {
    while (this.attempts < count) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** The token in the last email of this kind. */
  tokenOf(kind: AccountEmail['kind']): string {
    return this.emails.findLast((email) => email.kind === kind)?.token ?? '';
  }
}
