import { ProtocolError } from '@really/protocol';
import type { Audit } from '../auth/audit.js';
import { defaultTokenLifetimes } from '../auth/token-lifetimes.js';
import { Tokens } from '../auth/tokens.js';
import { type ModelFiles, type TestApp, testApp } from '../commands/test-app.fixture.js';
import { silentLog } from '../platform/log.js';
import { PermanentFailure } from './account-jobs.js';
import { Accounts, type AccountsConfig } from './accounts.js';
import type { AccountEmail, EmailTransport } from './email/account-email.js';
import type { HashLimiter } from './passwords/hash-limiter.js';
import type { Hasher } from './passwords/hasher.js';

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
  /** How many revocations to come fail. */
  readonly failures: { revocations: number };
  /** Another process on the same data, after this one is gone. */
  again(channel: EmailTransport): Accounts;
}

/** Accounts on a memory store, over hashes that cost nothing and are counted. */
export async function accountsApp({
  models = { users: usersModel },
  config = {},
  hasher = new CountingHasher(),
  channel,
  serverHashes,
}: {
  models?: ModelFiles;
  config?: Partial<AccountsConfig>;
  hasher?: CountingHasher;
  channel?: EmailTransport;
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
    if (failures.revocations-- > 0) throw new Error('the store is away');
    revoked.push(uid);
  };
  const options = {
    services: app.services,
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
  return { ...app, accounts: again(channel), again, hasher, tokens, audited, revoked, failures };
}

/** No hash at all: it says what was asked of it, and waits where it is told to. */
export class CountingHasher implements Hasher {
  readonly dummyHash = 'plain:1:';
  readonly asked: string[] = [];
  /** Of the hashes to come. */
  generation = 1;
  running = 0;
  mostAtOnce = 0;
  #gate: Promise<void> = Promise.resolve();

  /** Nothing is answered from now on until the function that is returned is called. */
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

/** What was answered, an error as the wire would tell it. */
export async function outcome(answer: Promise<object>): Promise<unknown> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ProtocolError) return { ...error.toJSON(), meta: error.meta };
    throw error;
  }
}

/** Keeps what is sent, where it is not told to fail. */
export class TestChannel implements EmailTransport {
  readonly letters: AccountEmail[] = [];
  /** Letters to come that cannot be sent now, or ever. */
  failures: ('now' | 'ever')[] = [];
  attempts = 0;
  #heard: (() => void)[] = [];

  async send(letter: AccountEmail): Promise<void> {
    this.attempts += 1;
    const failure = this.failures.shift();
    for (const hear of this.#heard.splice(0)) hear();
    if (failure === 'now') throw new Error('the mail server is away');
    if (failure === 'ever') throw new PermanentFailure('there is no such mailbox');
    this.letters.push(letter);
  }

  /** Resolves when this many were tried to send. */
  async tried(count: number): Promise<void> {
    while (this.attempts < count) {
      await new Promise<void>((resolve) => this.#heard.push(resolve));
    }
  }

  /** The token in the last letter of this kind. */
  tokenOf(kind: AccountEmail['kind']): string {
    return this.letters.findLast((letter) => letter.kind === kind)?.token ?? '';
  }
}
