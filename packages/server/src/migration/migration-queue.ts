import type { Migration, MigrationOutcome, Store } from '../store/store.js';

interface Waiting {
  readonly migration: Migration;
  resolve(outcome: MigrationOutcome): void;
  reject(error: unknown): void;
}

/** Objects of one write at most. */
const batchSize = 256;

/** Gathers what is migrated while the store is at the last of it, so that many share one fsync. */
export class MigrationQueue {
  readonly #store: Pick<Store, 'migrate'>;
  readonly #waiting: Waiting[] = [];
  #isBusy = false;

  constructor(store: Pick<Store, 'migrate'>) {
    this.#store = store;
  }

  /** Resolves when it is on disk, or with why it is not. Rejects as the store does. */
  enqueue(migration: Migration): Promise<MigrationOutcome> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ migration, resolve, reject });
      if (!this.#isBusy) void this.#drain();
    });
  }

  /** Never rejects. */
  async #drain(): Promise<void> {
    this.#isBusy = true;
    // Those of this turn go together.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#write(this.#waiting.splice(0, batchSize));
    this.#isBusy = false;
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    try {
      const outcomes = await this.#store.migrate(batch.map(({ migration }) => migration));
      for (const [index, { resolve }] of batch.entries()) {
        resolve(outcomes[index] ?? { kind: 'overtaken' });
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
