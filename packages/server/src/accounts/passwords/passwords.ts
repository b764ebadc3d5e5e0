import type { HashLimiter, HashRequester } from './hash-limiter.js';
import { passwordBytes } from './password.js';

/** Makes and checks password hashes: slow on purpose, and never on the event loop. */
export interface Hasher {
  /** The result includes the parameters. */
  hash(password: Uint8Array): Promise<string>;
  /** False also for a text that is no hash. */
  verify(hash: string, password: Uint8Array): Promise<boolean>;
  /** True where the hash has the current parameters. */
  isCurrent(hash: string): boolean;
  /** A hash that no password matches and that takes as long to check as any other. */
  readonly dummyHash: string;
}

/** Hashes passwords, subject to the limiter. A call that rejects with 503 may be retried. */
export class Passwords {
  readonly #hasher: Hasher;
  readonly #limiter: HashLimiter;

  constructor(hasher: Hasher, limiter: HashLimiter) {
    this.#hasher = hasher;
    this.#limiter = limiter;
  }

  async hash(password: string, requester?: HashRequester): Promise<string> {
    return await this.#limiter.run(() => this.#hasher.hash(passwordBytes(password)), requester);
  }

  /**
   * True where the password has this hash. Without a hash, or with a password that no account can
   * have, the work is the same and the result false: the time taken does not reveal which accounts
   * exist.
   */
  async matches(
    hash: string | undefined,
    password: string,
    requester?: HashRequester,
  ): Promise<boolean> {
    const { dummyHash } = this.#hasher;
    return await this.#limiter.run(
      () => this.#hasher.verify(hash ?? dummyHash, passwordBytes(password)),
      requester,
    );
  }

  isCurrent(hash: string): boolean {
    return this.#hasher.isCurrent(hash);
  }
}
