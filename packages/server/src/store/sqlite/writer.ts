import type { Database, Statement } from 'better-sqlite3';
import type { CollectionLayout, OnceKey, Pos, WriteOutcome } from '../store.js';
import { ChangeLog } from './change-log.js';
import { CollectionWriter } from './collection-writer.js';
import type { SqliteConfig } from './config.js';
import { isUniqueViolation } from './errors.js';
import { layOutIndexes } from './field-indexes.js';
import { type Location, locate } from './location.js';
import type { CommitAnswer, EncodedWrite } from './messages.js';
import { OnceLog } from './once-log.js';
import { Pruning } from './pruning.js';
import { collectionDdl } from './schema.js';

/**
 * Judges writes and puts them into the database, over its one writing connection. Every method is
 * one transaction: when it throws, nothing was written.
 */
export class Writer {
  readonly #db: Database;
  readonly #log: ChangeLog;
  readonly #once: OnceLog;
  readonly #pruning: Pruning;
  readonly #setMeta: Statement;
  readonly #layouts = new Map<string, CollectionLayout>();
  readonly #collections = new Map<string, CollectionWriter>();
  #position: Pos;
  #newest: number;

  constructor(db: Database, config: SqliteConfig) {
    this.#db = db;
    this.#log = new ChangeLog(db);
    this.#once = new OnceLog(db, config);
    this.#pruning = new Pruning(this.#log, config);
    this.#setMeta = db.prepare('UPDATE meta SET position = ?, newest = ?');
    [this.#position, this.#newest] = db
      .prepare('SELECT position, newest FROM meta')
      .raw()
      .get() as [Pos, number];
  }

  prepare(layouts: readonly CollectionLayout[]): void {
    this.#transaction(() => {
      for (const layout of layouts) {
        this.#numberOf(layout.names.join('/'));
        layOutIndexes(this.#db, layout);
      }
    });
    for (const layout of layouts) this.#layouts.set(layout.names.join('/'), layout);
    // Their statements look at what is unique now.
    this.#collections.clear();
  }

  commit(writes: readonly EncodedWrite[], now: number): CommitAnswer {
    const first = this.#position + 1;
    const outcomes = this.#transaction(() => {
      const results = writes.map((write) => this.#apply(write, now));
      if (this.#position >= first) this.#finish(now);
      return results;
    });
    return this.#position - first + 1 === writes.length ? { first } : { outcomes };
  }

  /** Writes without changing anything, and so finds out whether there is room and a disk. */
  ping(): void {
    this.#transaction(() => this.#setMeta.run(this.#position, this.#newest));
  }

  #finish(now: number): void {
    this.#setMeta.run(this.#position, this.#newest);
    this.#once.tidy(now);
    this.#pruning.sweep(this.#position, now, this.#layouts, (name) => this.#collection(name));
  }

  #apply(write: EncodedWrite, now: number): WriteOutcome {
    const [, r, rev, at, , , , , , deleted, modelVersion, touched, data, requires, onceKey] = write;
    const once = onceKey && onceKeyOf(onceKey);
    const first = once && this.#once.find(once.uid, once.id, now);
    if (first) return { kind: 'repeated', first };
    const location = locate(r);
    const collection = this.#collection(location.collection);
    const head = collection.head(location);
    const refusal = conflict(head, rev) ?? this.#missing(requires);
    if (refusal) return refusal;

    const pos = this.#position + 1;
    const state = { rev, deleted, modelVersion, touched, data };
    try {
      if (head) collection.update(location, pos, state);
      else collection.insert(location, pos, state);
    } catch (error) {
      return clashOf(error, collection, location, data);
    }
    const previous = head?.[3] ?? 0;
    this.#log.append(pos, deleted ? 0 : previous, collection.number, write);
    if (deleted && head) this.#log.scrub(head[2], previous);
    else
      this.#pruning.afterWrite(collection.number, pos, rev, this.#layouts.get(location.collection));
    if (once) this.#once.add(pos, once, { r, rev }, now);
    this.#position = pos;
    this.#newest = Math.max(this.#newest, at);
    return { kind: 'committed', pos };
  }

  #missing(requires: readonly string[] | null): WriteOutcome | undefined {
    if (!requires) return undefined;
    const r = requires.find((required) => {
      const location = locate(required);
      const head = this.#collection(location.collection).head(location);
      return !head || head[1] === 1;
    });
    return r === undefined ? undefined : { kind: 'missing', r };
  }

  #collection(name: string): CollectionWriter {
    const known = this.#collections.get(name);
    if (known) return known;
    const number = this.#numberOf(name);
    const collection = new CollectionWriter(this.#db, name, number, this.#layouts.get(name));
    this.#collections.set(name, collection);
    return collection;
  }

  /** The collection's number; its table is made where there is none. */
  #numberOf(name: string): number {
    const find = this.#db.prepare('SELECT id FROM collections WHERE name = ?').pluck();
    const known = find.get(name);
    if (known !== undefined) return Number(known);
    for (const statement of collectionDdl(name)) this.#db.exec(statement);
    const added = this.#db.prepare('INSERT INTO collections (name) VALUES (?)').run(name);
    return Number(added.lastInsertRowid);
  }

  #transaction<T>(work: () => T): T {
    const position = this.#position;
    const newest = this.#newest;
    try {
      return this.#db.transaction(work).immediate();
    } catch (error) {
      this.#position = position;
      this.#newest = newest;
      // Tables that were made are unmade.
      this.#collections.clear();
      throw error;
    }
  }
}

/** A deleted object stays deleted: nothing comes after it, whatever its revision. */
function conflict(
  head: readonly [rev: number, deleted: number, ...unknown[]] | undefined,
  rev: number,
): WriteOutcome | undefined {
  const [stored, deleted] = head ?? [0, 0];
  if (stored === rev - 1 && deleted === 0) return undefined;
  return { kind: 'conflict', rev: stored, deleted: deleted === 1 };
}

function clashOf(
  error: unknown,
  collection: CollectionWriter,
  location: Location,
  data: string,
): WriteOutcome {
  const field = isUniqueViolation(error) ? collection.clash(location, data) : undefined;
  if (field === undefined) throw error;
  return { kind: 'unique', field };
}

function onceKeyOf([uid, id, cmd, r]: NonNullable<EncodedWrite[14]>): OnceKey {
  return { uid, id, cmd, r };
}
