import type { Database, Statement } from 'better-sqlite3';

/** Runs work inside a transaction, over statements that are prepared once. */
export class Transactions {
  readonly #db: Database;
  readonly #beginReading: Statement;
  readonly #beginWriting: Statement;
  readonly #commit: Statement;
  readonly #rollback: Statement;

  constructor(db: Database) {
    this.#db = db;
    this.#beginReading = db.prepare('BEGIN DEFERRED');
    this.#beginWriting = db.prepare('BEGIN IMMEDIATE');
    this.#commit = db.prepare('COMMIT');
    this.#rollback = db.prepare('ROLLBACK');
  }

  /** All that `work` reads is from one moment. */
  read<T>(work: () => T): T {
    return this.#run(this.#beginReading, work);
  }

  /** All that `work` writes is on disk when this returns; when it throws, none of it is in the database. */
  write<T>(work: () => T): T {
    return this.#run(this.#beginWriting, work);
  }

  #run<T>(begin: Statement, work: () => T): T {
    begin.run();
    try {
      const result = work();
      this.#commit.run();
      return result;
    } catch (error) {
      // A full disk ends the transaction by itself at times.
      if (this.#db.inTransaction) this.#rollback.run();
      throw error;
    }
  }
}
