import type { Database, Statement } from 'better-sqlite3';
import { LRUCache } from 'lru-cache';

/** The prepared statements of a connection, the latest ones; their rows are lists. */
export class Statements {
  readonly #db: Database;
  readonly #byText: LRUCache<string, Statement>;

  constructor(db: Database, most: number) {
    this.#db = db;
    this.#byText = new LRUCache({ max: most });
  }

  get(text: string): Statement {
    const known = this.#byText.get(text);
    if (known) return known;
    const statement = this.#db.prepare(text).raw();
    this.#byText.set(text, statement);
    return statement;
  }
}
