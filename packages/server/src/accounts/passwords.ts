import type { Asker, HashSlots } from './hash-slots.js';
import type { Hasher } from './hasher.js';
import { passwordBytes } from './password.js';

/** Hashes passwords in their turn. What rejects with 503 may be tried again. */
export class Passwords {
  readonly #hasher: Hasher;
  readonly #slots: HashSlots;

  constructor(hasher: Hasher, slots: HashSlots) {
    this.#hasher = hasher;
    this.#slots = slots;
  }

  async hash(password: string, asker?: Asker): Promise<string> {
    return await this.#slots.run(() => this.#hasher.hash(passwordBytes(password)), asker);
  }

  /**
   * True where the password has this hash. Without a hash, or with a password that no account can have,
   * the work is the same and the answer no: how long it takes tells nobody which accounts there are.
   */
  async matches(hash: string | undefined, password: string, asker?: Asker): Promise<boolean> {
    const { nobodys } = this.#hasher;
    return await this.#slots.run(
      () => this.#hasher.verify(hash ?? nobodys, passwordBytes(password)),
      asker,
    );
  }

  isCurrent(hash: string): boolean {
    return this.#hasher.isCurrent(hash);
  }
}
