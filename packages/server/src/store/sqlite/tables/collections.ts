import type { Database, Statement } from 'better-sqlite3';
import type { CollectionLayout } from '../../collection-layout.js';
import type { Pos } from '../../stored-object.js';
import type { ChangeLog } from './change-log.js';
import { CollectionWriter } from './collection-writer.js';
import { layOutIndexes } from './field-indexes.js';
import { locate } from './location.js';
import { layOutReferences } from './references-table.js';
import { collectionDdl } from './schema.js';

/** The collections of a database as its writer knows them, by name: `users/posts`. */
export class Collections {
  readonly #db: Database;
  readonly #number: Statement;
  readonly #add: Statement;
  readonly #migrated: Statement;
  readonly #version: Statement;
  readonly #setVersion: Statement;
  readonly #layouts = new Map<string, CollectionLayout>();
  readonly #writers = new Map<string, CollectionWriter>();
  #alterations = 0;

  constructor(db: Database) {
    this.#db = db;
    this.#number = db.prepare('SELECT id FROM collections WHERE name = ?').pluck();
    this.#migrated = db.prepare('SELECT migrated FROM collections WHERE id = ?').pluck();
    this.#version = db.prepare('SELECT model_version FROM collections WHERE id = ?').pluck();
    this.#setVersion = db.prepare(
      'UPDATE collections SET model_version = ?, floor = max(floor, ?) WHERE id = ?',
    );
    this.#add = db.prepare('INSERT INTO collections (name) VALUES (?)');
  }

  get layouts(): ReadonlyMap<string, CollectionLayout> {
    return this.#layouts;
  }

  /** Number of changes to what is remembered here. After a rollback of one, call `forget`. */
  get alterations(): number {
    return this.#alterations;
  }

  /**
   * Inside a transaction. True where a model's version has changed: replays from before `pos` are
   * gone then. Throws `UniqueClash`.
   */
  layOut(layouts: readonly CollectionLayout[], pos: Pos): boolean {
    let changed = false;
    for (const layout of layouts) {
      const number = this.#numberOf(layout.names.join('/'));
      layOutIndexes(this.#db, layout);
      layOutReferences(this.#db, layout);
      const version = layout.modelVersion ?? 0;
      const known = Number(this.#version.get(number));
      if (version === 0 || version === known) continue;
      // The first known version is not a change.
      const isOther = known > 0;
      this.#setVersion.run(version, isOther ? pos : 0, number);
      changed ||= isOther;
    }
    return changed;
  }

  /** Call it when the transaction of `layOut` has succeeded. */
  remember(layouts: readonly CollectionLayout[]): void {
    for (const layout of layouts) this.#layouts.set(layout.names.join('/'), layout);
    // Their statements depend on the unique fields.
    this.forget();
  }

  /** Notes that a living object was written with this model version. */
  written(collection: CollectionWriter, version: number): void {
    if (version >= collection.migrated) return;
    collection.setMigrated(version);
    this.#alterations += 1;
  }

  /** Call it when a transaction has failed: tables created in it are gone. */
  forget(): void {
    this.#writers.clear();
  }

  /** `undefined` where the collection does not exist. */
  find(name: string): CollectionWriter | undefined {
    const known = this.#writers.get(name);
    if (known) return known;
    const number = this.#number.get(name);
    return number === undefined ? undefined : this.#writer(name, Number(number));
  }

  /** Creates the collection where missing, inside a transaction. */
  open(name: string): CollectionWriter {
    return this.#writers.get(name) ?? this.#writer(name, this.#numberOf(name));
  }

  /** Removes an object and its history, as if it had never existed, inside a transaction. */
  erase(r: string, log: ChangeLog): void {
    const location = locate(r);
    const collection = this.open(location.collection);
    const head = collection.head(location);
    if (!head) return;
    const [, , born, last] = head;
    log.scrub(born, last);
    collection.remove(born);
  }

  #writer(name: string, number: number): CollectionWriter {
    const layout = this.#layouts.get(name);
    const migrated = Number(this.#migrated.get(number));
    const writer = new CollectionWriter(this.#db, { name, number, layout, migrated });
    this.#writers.set(name, writer);
    return writer;
  }

  #numberOf(name: string): number {
    const known = this.#number.get(name);
    if (known !== undefined) return Number(known);
    for (const statement of collectionDdl(name)) this.#db.exec(statement);
    this.#alterations += 1;
    return Number(this.#add.run(name).lastInsertRowid);
  }
}
