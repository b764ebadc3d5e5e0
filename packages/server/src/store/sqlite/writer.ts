import type { Database, Statement } from 'better-sqlite3';
import type { CollectionLayout } from '../collection-layout.js';
import type { Epoch } from '../store.js';
import type { Dependency } from '../store-reads.js';
import type { Pos } from '../stored-object.js';
import {
  type GroupOutcome,
  isUnchanged,
  type MigrationOutcome,
  type OnceKey,
  type RestoreOutcome,
  type WriteRefusal,
} from '../write-group.js';
import type { SqliteConfig } from './config.js';
import { RestoreRefused, restoreObjects } from './restore.js';
import { setEpoch } from './store-epoch.js';
import { ChangeLog } from './tables/change-log.js';
import type { CollectionWriter, HeadRow } from './tables/collection-writer.js';
import { Collections } from './tables/collections.js';
import { DependentsReader } from './tables/dependents-reader.js';
import { locate } from './tables/location.js';
import { OnceLog } from './tables/once-log.js';
import { Pruning } from './tables/pruning.js';
import type {
  CommitResult,
  EncodedGroups,
  EncodedMigration,
  EncodedObjectWithHistory,
  EncodedRead,
  EncodedWrite,
} from './threads/messages.js';
import { Transactions } from './transactions.js';

/** Bytes that there must be room for: as much as most commits take. */
const probeSize = 32 * 1024;

/** Checks and applies writes, over the only writing connection. Each method is one transaction. */
export class Writer {
  readonly #db: Database;
  readonly #transactions: Transactions;
  readonly #collections: Collections;
  readonly #log: ChangeLog;
  readonly #once: OnceLog;
  readonly #pruning: Pruning;
  readonly #dependents: DependentsReader;
  readonly #setMeta: Statement;
  #position: Pos;
  #newest: number;
  #epoch: Epoch;

  constructor(db: Database, config: SqliteConfig, epoch: Epoch) {
    this.#db = db;
    this.#epoch = epoch;
    this.#transactions = new Transactions(db);
    this.#collections = new Collections(db);
    this.#log = new ChangeLog(db);
    this.#once = new OnceLog(db, config);
    this.#pruning = new Pruning(this.#log, config);
    this.#dependents = new DependentsReader(db);
    this.#setMeta = db.prepare('UPDATE meta SET position = ?, newest = ?');
    [this.#position, this.#newest] = db
      .prepare('SELECT position, newest FROM meta')
      .raw()
      .get() as [Pos, number];
  }

  get position(): Pos {
    return this.#position;
  }

  get epoch(): Epoch {
    return this.#epoch;
  }

  prepare(layouts: readonly CollectionLayout[]): void {
    this.#transaction(() => {
      // A new version of a model has its own position, so that positions tell the versions apart.
      const pos = this.#position + 1;
      if (!this.#collections.layOut(layouts, pos)) return;
      this.#position = pos;
      this.#setMeta.run(this.#position, this.#newest);
    });
    this.#collections.remember(layouts);
  }

  /** `now`: milliseconds since the epoch. */
  commit({ writes, writeCounts, erases }: EncodedGroups, now: number): CommitResult {
    const first = this.#position + 1;
    const outcomes = this.#transaction(() => {
      const results = writeCounts
        ? split(writes, writeCounts).map((group, index) =>
            this.#applyGroup(group, now, erases?.[index]),
          )
        : writes.map((write) => this.#applyGroup([write], now));
      if (this.#position >= first) this.#finish(now);
      return results;
    });
    const isWhole = !erases && this.#position - first + 1 === writes.length;
    return isWhole ? { first } : { outcomes };
  }

  /** The outcomes in the order of the objects. */
  migrate(objects: readonly EncodedMigration[]): MigrationOutcome[] {
    return this.#transaction(() => objects.map((migration) => this.#migrate(migration)));
  }

  migrated(collection: string, version: number): void {
    this.#transaction(() => {
      const writer = this.#collections.find(collection);
      if (writer && version > writer.migrated) writer.setMigrated(version);
    });
  }

  /** `fresh`: the epoch that begins if objects are replaced. */
  restore(
    entries: readonly EncodedObjectWithHistory[],
    newest: number,
    fresh: Epoch,
  ): RestoreOutcome {
    try {
      this.#epoch = this.#transaction(() => {
        const epoch = this.#epochAfter(entries, fresh);
        const tables = { collections: this.#collections, log: this.#log };
        this.#position = restoreObjects(tables, entries, this.#position);
        const times = entries.flatMap(({ history }) => history.map(([, , , at]) => at));
        this.#newest = times.reduce((a, b) => Math.max(a, b), Math.max(this.#newest, newest));
        this.#setMeta.run(this.#position, this.#newest);
        if (epoch !== this.#epoch) setEpoch(this.#db, epoch);
        return epoch;
      });
      return { kind: 'restored' };
    } catch (error) {
      if (!(error instanceof RestoreRefused)) throw error;
      const { index, refusal } = error;
      return { kind: 'refused', index, refusal };
    }
  }

  /** Writes a little without changing anything, to check for room and a working disk. */
  ping(): void {
    this.#transaction(() => {
      this.#db.exec('CREATE TABLE probe (bytes)');
      this.#db.exec(`INSERT INTO probe VALUES (zeroblob(${probeSize}))`);
      this.#db.exec('DROP TABLE probe');
      this.#setMeta.run(this.#position, this.#newest);
    });
  }

  /** Before anything is replaced. */
  #epochAfter(entries: readonly EncodedObjectWithHistory[], fresh: Epoch): Epoch {
    if (entries.some(({ r, replaces }) => replaces && this.#headOf(r))) {
      return { ...fresh, isFirst: false };
    }
    const isSame = entries.length === 0 || !this.#epoch.isFirst;
    return isSame ? this.#epoch : { ...this.#epoch, isFirst: false };
  }

  #headOf(r: string): HeadRow | undefined {
    const location = locate(r);
    return this.#collections.find(location.collection)?.head(location);
  }

  #migrate(migration: EncodedMigration): MigrationOutcome {
    const [r, , , , data] = migration;
    const location = locate(r);
    const collection = this.#collections.find(location.collection);
    if (!collection) return { kind: 'overtaken' };
    try {
      const found = collection.migrate(location, migration);
      return { kind: found ? 'migrated' : 'overtaken' };
    } catch (error) {
      return collection.clashOf(error, location, data);
    }
  }

  #finish(now: number): void {
    this.#setMeta.run(this.#position, this.#newest);
    this.#once.prune(now);
    this.#pruning.sweep(this.#position, now, this.#collections);
  }

  #applyGroup(
    group: readonly EncodedWrite[],
    now: number,
    erases: readonly string[] = [],
  ): GroupOutcome {
    const onceKey = group[0]?.[14];
    const once = onceKey && onceKeyOf(onceKey);
    const first = once && this.#once.find(once.uid, once.id, now);
    if (first) return { kind: 'repeated', first };
    const refusal = this.#missing(erases);
    if (refusal) return { kind: 'refused', index: group.length, refusal };
    const start = this.#position + 1;
    // A single write is checked before it is applied, so that a refusal has nothing to undo.
    const outcome = group.length === 1 ? this.#applyAll(group) : this.#applyOrUndo(group);
    if (outcome.kind !== 'committed') return outcome;
    for (const r of erases) this.#collections.erase(r, this.#log);
    if (once) {
      const results = group.map(([, r, rev]) => ({ r, rev }));
      this.#once.add(start, once, results, now);
    }
    return outcome;
  }

  /**
   * The whole group, or nothing of it. Unique fields are first checked write by write, which is
   * fast; if that fails, once more on the result of the whole group: within a group values may move
   * between objects.
   */
  #applyOrUndo(group: readonly EncodedWrite[]): GroupOutcome {
    const outcome = this.#tryGroup(() => this.#applyAll(group));
    const clashes = outcome.kind === 'refused' && outcome.refusal.kind === 'unique';
    return clashes ? this.#tryGroup(() => this.#applyParked(group)) : outcome;
  }

  #tryGroup(apply: () => GroupOutcome): GroupOutcome {
    const position = this.#position;
    const newest = this.#newest;
    const { alterations } = this.#collections;
    return this.#transactions.part<GroupOutcome>(() => {
      const outcome = apply();
      if (outcome.kind === 'committed') return { result: outcome, keep: true };
      this.#position = position;
      this.#newest = newest;
      if (this.#collections.alterations > alterations) this.#collections.forget();
      return { result: outcome, keep: false };
    });
  }

  /** As `applyAll`, but unique fields are checked last. */
  #applyParked(group: readonly EncodedWrite[]): GroupOutcome {
    const outcome = this.#applyAll(group, true);
    if (outcome.kind !== 'committed') return outcome;
    const lastOf = new Map(group.map(([, r], index) => [r, index]));
    for (const [index, [, r, , , , , , , , , , , data]] of group.entries()) {
      if (lastOf.get(r) !== index) continue;
      const location = locate(r);
      const collection = this.#collections.open(location.collection);
      try {
        collection.unpark(location);
      } catch (error) {
        return { kind: 'refused', index, refusal: collection.clashOf(error, location, data) };
      }
    }
    return outcome;
  }

  /** Stops at the first write that is refused. */
  #applyAll(group: readonly EncodedWrite[], parked = false): GroupOutcome {
    const positions: Pos[] = [];
    for (const write of group) {
      const refusal = this.#apply(write, parked);
      if (refusal) return { kind: 'refused', index: positions.length, refusal };
      positions.push(this.#position);
    }
    return { kind: 'committed', positions };
  }

  #apply(write: EncodedWrite, parked: boolean): WriteRefusal | undefined {
    const [, r, rev, at, , , , , , deleted, modelVersion, touched, data, requires, , reads] = write;
    const noDependents = write[17];
    const location = locate(r);
    const collection = this.#collections.open(location.collection);
    const head = collection.head(location);
    const refusal =
      conflict(head, rev) ??
      this.#changed(reads) ??
      this.#missing(requires) ??
      this.#referenced(r, noDependents, parked);
    if (refusal) return refusal;
    const pos = this.#position + 1;
    const state = { rev, deleted, modelVersion, touched, data, parked };
    // The index detects a clash of unique fields; its statement then rolls itself back.
    try {
      if (head) collection.update(head[2], pos, state);
      else collection.insert(location, { born: pos, last: pos }, state);
    } catch (error) {
      return collection.clashOf(error, location, data);
    }
    if (!deleted) this.#collections.written(collection, modelVersion);
    this.#record(write, collection, pos, head);
    this.#position = pos;
    this.#newest = Math.max(this.#newest, at);
    return undefined;
  }

  #record(write: EncodedWrite, { number, name }: CollectionWriter, pos: Pos, head?: HeadRow): void {
    const [, , rev, , , , , , , deleted] = write;
    const [, , born, last] = head ?? [0, 0, 0, 0];
    if (deleted) {
      // First, so that the deletion finds room even in a full database.
      this.#log.scrub(born, last);
      this.#log.append(pos, 0, number, write);
      return;
    }
    this.#log.append(pos, last, number, write);
    this.#pruning.afterWrite(number, pos, rev, this.#collections.layouts.get(name));
  }

  #changed(reads: readonly EncodedRead[] | null): WriteRefusal | undefined {
    const changed = reads?.find((read) => !this.#isUnchanged(read));
    return changed && { kind: 'changed', r: changed[0] };
  }

  #isUnchanged([r, rev, fields]: EncodedRead): boolean {
    const location = locate(r);
    const collection = this.#collections.find(location.collection);
    const head = collection?.head(location);
    const read = { r, rev, fields: fields ?? undefined };
    if (!collection || !head) return isUnchanged(read, undefined);
    return isUnchanged(read, {
      rev: head[0],
      deleted: head[1] === 1,
      // Seldom needed.
      get touched() {
        return JSON.parse(collection.touched(location));
      },
    });
  }

  #missing(requires: readonly string[] | null): WriteRefusal | undefined {
    const r = requires?.find((required) => {
      const head = this.#headOf(required);
      return !head || head[1] === 1;
    });
    return r === undefined ? undefined : { kind: 'missing', r };
  }

  #referenced(
    r: string,
    noDependents: readonly Dependency[] | null,
    parked: boolean,
  ): WriteRefusal | undefined {
    const by = noDependents?.find((dependency) => {
      if (this.#dependents.page(r, dependency, { limit: 1 }).rs.length > 0) return true;
      const isChild = dependency.field === undefined;
      return parked && isChild && this.#dependents.hasParkedChild(r, dependency);
    });
    return by && { kind: 'referenced', by };
  }

  #transaction<T>(work: () => T): T {
    const position = this.#position;
    const newest = this.#newest;
    try {
      return this.#transactions.write(work);
    } catch (error) {
      this.#position = position;
      this.#newest = newest;
      this.#collections.forget();
      throw error;
    }
  }
}

/** A deleted object stays deleted: no write follows, whatever its revision. */
function conflict(head: HeadRow | undefined, rev: number): WriteRefusal | undefined {
  const [stored, deleted] = head ?? [0, 0];
  if (stored === rev - 1 && deleted !== 1) return undefined;
  return { kind: 'conflict', rev: stored, deleted: deleted === 1 };
}

function split(
  writes: readonly EncodedWrite[],
  sizes: readonly number[],
): readonly (readonly EncodedWrite[])[] {
  let end = 0;
  return sizes.map((size) => {
    end += size;
    return writes.slice(end - size, end);
  });
}

function onceKeyOf([uid, id, cmd, r]: NonNullable<EncodedWrite[14]>): OnceKey {
  return { uid, id, cmd, r };
}
