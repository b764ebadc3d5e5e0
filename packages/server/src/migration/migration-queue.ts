import type { Store } from '../store/store.js';
import type { Migration, MigrationOutcome } from '../store/write-group.js';

interface QueuedMigration {
  readonly migration: Migration;
  resolve(outcome: MigrationOutcome): void;
  reject(error: unknown): void;
}

/** Maximum number of objects per write. */
const batchSize = 256;

/** Batches migrations that arrive during a write, so that they share one fsync. */
export class MigrationQueue {
  readonly #store: Pick<Store, 'migrate'>;
  readonly #waiting: QueuedMigration[] = [];
  #isBusy = false;

  constructor(store: Pick<Store, 'migrate'>) {
    this.#store = store;
  }

  /** Resolves with the outcome when it is on disk. Rejects as the store does. */
  enqueue(migration: Migration): Promise<MigrationOutcome> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ migration, resolve, reject });
      if (!this.#isBusy) void this.#drain();
    });
  }

  /** Never rejects. */
  async #drain(): Promise<void> {
    this.#isBusy = true;
    // Batches the calls of this tick.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#write(this.#waiting.splice(0, batchSize));
    this.#isBusy = false;
  }

  async #write(batch: readonly QueuedMigration[]): Promise<void> {
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
