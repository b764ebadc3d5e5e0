import { ProtocolError } from '@really/protocol';
import type { Audit } from '../auth/audit.js';
import { Tokens } from '../auth/tokens.js';
import { type ModelFiles, type TestApp, testApp } from '../commands/app.test.kit.js';
import { silentLog } from '../platform/log.js';
import { Accounts, type AccountsConfig } from './accounts.js';
import type { Hasher } from './hasher.js';

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
}

/** Accounts on a memory store, over hashes that cost nothing and are counted. */
export async function accountsApp({
  models = { users: usersModel },
  config = {},
  hasher = new CountingHasher(),
}: {
  models?: ModelFiles;
  config?: Partial<AccountsConfig>;
  hasher?: CountingHasher;
} = {}): Promise<AccountsApp> {
  const app = await testApp({ models, mode: 'production' });
  const tokens = new Tokens({ secret: 'a secret of at least thirty-two characters', ...app });
  const audited: string[] = [];
  const audit: Audit = {
    record: (event, { reason }) =>
      audited.push(reason === undefined ? event : `${event}: ${reason}`),
  };
  const accounts = new Accounts({
    services: app.services,
    tokens,
    audit,
    hasher,
    config: { users: '/users', signup: true, hashes: 2, hashesWaiting: 256, ...config },
    log: silentLog,
  });
  return { ...app, accounts, hasher, tokens, audited };
}

/** No hash at all: it says what was asked of it, and waits where it is told to. */
export class CountingHasher implements Hasher {
  readonly nobodys = 'plain:1:';
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
    await this.#work(hash === this.nobodys ? "verify nobody's" : 'verify');
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
