import type { Database, Statement } from 'better-sqlite3';
import type { Pos } from '../../stored-object.js';
import type { EncodedWrite } from '../threads/messages.js';

/** All stored changes of an object, from position `?` backwards. */
const chain = `
  WITH RECURSIVE chain(pos, previous, rev) AS (
    SELECT pos, previous, rev FROM changes WHERE pos = ?
    UNION ALL
    SELECT changes.pos, changes.previous, changes.rev
      FROM chain CROSS JOIN changes ON changes.pos = chain.previous
  )`;

/** Positions that one call of `sweep` visits. */
const stride = 1024;

/** Writes the table of changes: appends, and removes what is too old or must be forgotten. */
export class ChangeLog {
  readonly #append: Statement;
  readonly #scrub: Statement;
  readonly #prune: Statement;
  readonly #raiseFloor: Statement;
  readonly #swept: Statement;
  readonly #firstFresh: Statement;
  readonly #sweep: Statement;
  readonly #setSwept: Statement;

  constructor(db: Database) {
    this.#append = db.prepare(
      `INSERT INTO changes (pos, previous, collection, rev, at, model_version, type, r, author, touched, delta, created, cause)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#scrub = db.prepare(
      `${chain} DELETE FROM changes WHERE pos IN (SELECT pos FROM chain UNION ALL SELECT ?)`,
    );
    this.#prune = db
      .prepare(
        `${chain} DELETE FROM changes
          WHERE pos IN (SELECT pos FROM chain WHERE rev <= ?) AND type <> 'create'
          RETURNING pos`,
      )
      .pluck();
    this.#raiseFloor = db.prepare('UPDATE collections SET floor = max(floor, ?) WHERE id = ?');
    this.#swept = db.prepare('SELECT swept FROM collections WHERE id = ?').pluck();
    this.#firstFresh = db
      .prepare(
        `SELECT min(pos) FROM changes
          WHERE pos > ? AND pos <= ? AND collection = ? AND at >= ?`,
      )
      .pluck();
    this.#sweep = db
      .prepare(
        `DELETE FROM changes
          WHERE pos > ? AND pos <= ? AND collection = ? AND type <> 'create' RETURNING pos`,
      )
      .pluck();
    this.#setSwept = db.prepare('UPDATE collections SET swept = ? WHERE id = ?');
  }

  /** `previous`: the position of the object's previous change that is still visible; 0 for none. */
  append(pos: Pos, previous: Pos, collection: number, write: EncodedWrite): void {
    const [type, r, rev, at, modelVersion, author, touched, delta, created, , , , data] = write;
    const cause = write[16];
    this.#append.run(
      pos,
      previous,
      collection,
      rev,
      at,
      modelVersion,
      type,
      r,
      author,
      touched,
      delta,
      created === true ? data : created,
      cause,
    );
  }

  /** Removes the history of an object that is being deleted. */
  scrub(born: Pos, last: Pos): void {
    this.#scrub.run(last, born);
  }

  /** Removes the changes of an object up to revision `rev`, except for its creation. */
  prune(collection: number, last: Pos, rev: number): void {
    const removed = this.#prune.all(last, rev) as Pos[];
    this.#forget(collection, removed);
  }

  /** Removes some of the changes of a collection from before `oldest`, up to position `until`. */
  sweep(collection: number, oldest: number, until: Pos): void {
    const from = this.#swept.get(collection) as Pos;
    const end = Math.min(until, from + stride);
    const firstFresh = this.#firstFresh.get(from, end, collection, oldest) as Pos | null;
    const to = firstFresh === null ? end : firstFresh - 1;
    if (to <= from) return;
    const removed = this.#sweep.all(from, to, collection) as Pos[];
    this.#setSwept.run(to, collection);
    this.#forget(collection, removed);
  }

  /** Makes replays of the whole collection from a position before this one `gone`. */
  raiseFloor(pos: Pos, collection: number): void {
    this.#raiseFloor.run(pos, collection);
  }

  /** Replays of the whole collection reach back to the last position where a change was removed. */
  #forget(collection: number, removed: readonly Pos[]): void {
    if (removed.length === 0) return;
    // They may be too many to spread.
    const last = removed.reduce((a, b) => Math.max(a, b));
    this.raiseFloor(last, collection);
  }
}
