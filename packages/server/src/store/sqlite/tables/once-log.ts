import type { Database, Statement } from 'better-sqlite3';
import type { Pos } from '../../stored-object.js';
import type { OnceKey, OnceRecord, OnceResult } from '../../write-group.js';
import type { SqliteConfig } from '../config.js';

type Window = Pick<SqliteConfig, 'onceWindow' | 'onceKeep'>;

/** Finds once-keys: those within the window, and among the last ones of their uid. */
export class OnceReader {
  protected readonly window: Window;
  readonly #find: Statement;

  constructor(db: Database, window: Window) {
    this.window = window;
    this.#find = db
      .prepare(
        `SELECT cmd, r, results FROM once AS found
          WHERE uid = :uid AND id = :id AND at > :oldest
            AND (SELECT count(*) FROM once WHERE uid = :uid AND pos > found.pos) < :keep`,
      )
      .raw();
  }

  find(uid: string, id: string, now: number): OnceRecord | undefined {
    const row = this.#find.get({
      uid: columnOf(uid),
      id: columnOf(id),
      oldest: now - this.window.onceWindow,
      keep: this.window.onceKeep,
    }) as readonly [cmd: string, r: string, results: string] | undefined;
    if (!row) return undefined;
    const [cmd, r, results] = row;
    return { uid, id, cmd, r, results: resultsOf(JSON.parse(results) as (string | number)[]) };
  }
}

/** Texts of clients are stored as JSON: lone surrogates would not survive as text. */
function columnOf(text: string): string {
  return JSON.stringify(text);
}

/** They are stored flat, R and revision alternating: `["/users/1",3]`. */
function resultsOf(flat: readonly (string | number)[]): OnceResult[] {
  const results: OnceResult[] = [];
  for (let at = 0; at < flat.length; at += 2) {
    results.push({ r: String(flat[at]), rev: Number(flat[at + 1]) });
  }
  return results;
}

/** Additions after which forgotten keys are removed. */
const pruneEvery = 256;

/** Writes the table of once-keys. */
export class OnceLog extends OnceReader {
  readonly #add: Statement;
  readonly #dropOld: Statement;
  readonly #dropBeyond: Statement;
  /** Uids that got a key since the last cleanup. */
  readonly #uids = new Set<string>();
  #added = 0;

  constructor(db: Database, window: Window) {
    super(db, window);
    // Replaces a key of the same name that is forgotten but still stored.
    this.#add = db.prepare(
      `INSERT OR REPLACE INTO once (pos, uid, id, cmd, r, results, at)
        VALUES (?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#dropOld = db.prepare(
      `DELETE FROM once
        WHERE pos IN (SELECT pos FROM once ORDER BY pos LIMIT :some) AND at <= :oldest`,
    );
    this.#dropBeyond = db.prepare(
      `DELETE FROM once WHERE uid = :uid
        AND pos <= (SELECT pos FROM once WHERE uid = :uid ORDER BY pos DESC LIMIT 1 OFFSET :keep)`,
    );
  }

  /** `pos` is the first position of the group. */
  add(pos: Pos, key: OnceKey, results: readonly OnceResult[], now: number): void {
    const uid = columnOf(key.uid);
    const flat = JSON.stringify(results.flatMap(({ r, rev }) => [r, rev]));
    this.#add.run(pos, uid, columnOf(key.id), key.cmd, key.r, flat, now);
    this.#uids.add(uid);
    this.#added += 1;
  }

  /** Removes forgotten keys, now and then. Part of a commit's transaction. */
  prune(now: number): void {
    if (this.#added < pruneEvery) return;
    this.#dropOld.run({ oldest: now - this.window.onceWindow, some: 4 * pruneEvery });
    for (const uid of this.#uids) this.#dropBeyond.run({ uid, keep: this.window.onceKeep });
    this.#uids.clear();
    this.#added = 0;
  }
}
