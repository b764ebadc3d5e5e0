import type { Database, Statement } from 'better-sqlite3';

/** Runs work inside a transaction, over statements that are prepared once. */
export class Transactions {
  readonly #db: Database;
  readonly #beginReading: Statement;
  readonly #beginWriting: Statement;
  readonly #commit: Statement;
  readonly #rollback: Statement;
  readonly #mark: Statement;
  readonly #undo: Statement;
  readonly #release: Statement;

  constructor(db: Database) {
    this.#db = db;
    this.#beginReading = db.prepare('BEGIN DEFERRED');
    this.#beginWriting = db.prepare('BEGIN IMMEDIATE');
    this.#commit = db.prepare('COMMIT');
    this.#rollback = db.prepare('ROLLBACK');
    this.#mark = db.prepare('SAVEPOINT part');
    this.#undo = db.prepare('ROLLBACK TO part');
    this.#release = db.prepare('RELEASE part');
  }

  /** All reads in `work` are from one moment. */
  read<T>(work: () => T): T {
    return this.#run(this.#beginReading, work);
  }

  /** What `work` writes is on disk when this returns; when it throws, none of it is written. */
  write<T>(work: () => T): T {
    return this.#run(this.#beginWriting, work);
  }

  /**
   * A part of a `write` whose own writes can be rolled back, and are unless `keep` is true. Where
   * it throws, the whole transaction ends. Parts do not nest.
   */
  part<T>(work: () => { readonly result: T; readonly keep: boolean }): T {
    this.#mark.run();
    const { result, keep } = work();
    if (!keep) this.#undo.run();
    this.#release.run();
    return result;
  }

  #run<T>(begin: Statement, work: () => T): T {
    begin.run();
    try {
      const result = work();
      this.#commit.run();
      return result;
    } catch (error) {
      // A full disk may have ended the transaction already.
      if (this.#db.inTransaction) this.#rollback.run();
      throw error;
    }
  }
}
