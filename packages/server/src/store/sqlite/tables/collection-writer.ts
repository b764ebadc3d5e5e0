import type { Database, Statement } from 'better-sqlite3';
import type { CollectionLayout } from '../../collection-layout.js';
import type { Pos } from '../../stored-object.js';
import type { WriteRefusal } from '../../write-group.js';
import { isUniqueViolation } from '../errors.js';
import { keyExpression } from '../sql/key.js';
import type { EncodedMigration, ObjectState } from '../threads/messages.js';
import type { Location } from './location.js';
import { collectionTable, uniqueCondition } from './schema.js';

/** The state of a stored object that checking a write needs. `deleted` is 0, 1, or `parked`. */
export type HeadRow = readonly [rev: number, deleted: number, born: Pos, last: Pos];

/** `deleted` of an object that lives, but is in no index yet: unique fields are not checked. */
export const parked = 2;

/** Writes the table of one collection. */
export class CollectionWriter {
  readonly name: string;
  /** Its number in the table of changes. */
  readonly number: number;
  readonly #head: Statement;
  readonly #touched: Statement;
  readonly #insert: Statement;
  readonly #update: Statement;
  readonly #remove: Statement;
  readonly #unpark: Statement;
  readonly #migrate: Statement;
  readonly #setMigrated: Statement;
  readonly #clashes: readonly { readonly fields: readonly string[]; readonly find: Statement }[];
  #migrated: number;

  constructor(db: Database, { name, number, layout, migrated }: CollectionFacts) {
    const table = collectionTable(name);
    this.name = name;
    this.number = number;
    this.#migrated = migrated;
    this.#head = db
      .prepare(`SELECT rev, deleted, born, last FROM ${table} WHERE id = ? AND parents = ?`)
      .raw();
    this.#touched = db.prepare(`SELECT touched FROM ${table} WHERE id = ? AND parents = ?`).pluck();
    this.#insert = db.prepare(
      `INSERT INTO ${table} (born, last, rev, deleted, model_version, id, parents, touched, data)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#update = db.prepare(
      `UPDATE ${table} SET last = ?, rev = ?, deleted = ?, model_version = ?, touched = ?, data = ?
        WHERE born = ?`,
    );
    this.#remove = db.prepare(`DELETE FROM ${table} WHERE born = ?`);
    this.#unpark = db.prepare(
      `UPDATE ${table} SET deleted = 0 WHERE id = ? AND parents = ? AND deleted = ${parked}`,
    );
    this.#migrate = db.prepare(
      `UPDATE ${table} SET model_version = ?, data = ?
        WHERE id = ? AND parents = ? AND rev = ? AND model_version = ? AND deleted = 0`,
    );
    this.#setMigrated = db.prepare('UPDATE collections SET migrated = ? WHERE id = ?');
    const unique = (layout?.indexes ?? []).filter((index) => index.unique);
    const condition = uniqueCondition(layout?.currentFrom ?? 1);
    this.#clashes = unique.map(({ fields }) => {
      const keys = fields.map((field) => keyExpression(field.split('.'))).join(', ');
      const find = db.prepare(
        `SELECT 1 FROM ${table}
          WHERE ${condition} AND (${keys}) = (SELECT ${keys} FROM (SELECT ? AS data))
            AND NOT (id = ? AND parents = ?)
          LIMIT 1`,
      );
      return { fields, find };
    });
  }

  /** No living object has a model version below this one. */
  get migrated(): number {
    return this.#migrated;
  }

  setMigrated(version: number): void {
    this.#setMigrated.run(version, this.number);
    this.#migrated = version;
  }

  /** False where the stored object is not the one that was migrated. Throws as `insert` does. */
  migrate({ id, parents }: Location, [, rev, from, modelVersion, data]: EncodedMigration): boolean {
    return this.#migrate.run(modelVersion, data, id, parents, rev, from).changes > 0;
  }

  head({ id, parents }: Location): HeadRow | undefined {
    return this.#head.get(id, parents) as HeadRow | undefined;
  }

  /** For an object that there is: its fields and the revisions that last touched them, as JSON. */
  touched({ id, parents }: Location): string {
    return String(this.#touched.get(id, parents));
  }

  /** Throws SQLite's unique violation, having written nothing. */
  insert(
    { id, parents }: Location,
    { born, last }: { readonly born: Pos; readonly last: Pos },
    state: ObjectState,
  ): void {
    const { rev, modelVersion, touched, data } = state;
    this.#insert.run(born, last, rev, deletedOf(state), modelVersion, id, parents, touched, data);
  }

  /** As `insert`, for the object that was created at `born`. */
  update(born: Pos, pos: Pos, state: ObjectState): void {
    const { rev, modelVersion, touched, data } = state;
    this.#update.run(pos, rev, deletedOf(state), modelVersion, touched, data, born);
  }

  /** Makes a parked object living, if it was parked. Throws as `insert` does. */
  unpark({ id, parents }: Location): void {
    this.#unpark.run(id, parents);
  }

  /** Removes the object that was created at `born` from the table. */
  remove(born: Pos): void {
    this.#remove.run(born);
  }

  /** For what `insert` threw: the first index of the layout that clashes. Throws other errors. */
  clashOf(
    error: unknown,
    { id, parents }: Location,
    data: string,
  ): Extract<WriteRefusal, { kind: 'unique' }> {
    if (!isUniqueViolation(error)) throw error;
    const clash = this.#clashes.find(({ find }) => find.get(data, id, parents) !== undefined);
    if (!clash) throw error;
    return { kind: 'unique', fields: clash.fields };
  }
}

export interface CollectionFacts {
  readonly name: string;
  readonly number: number;
  readonly layout: CollectionLayout | undefined;
  readonly migrated: number;
}

function deletedOf(state: ObjectState): number {
  return state.parked && !state.deleted ? parked : Number(state.deleted);
}
