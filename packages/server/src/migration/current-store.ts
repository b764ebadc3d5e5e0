import { namesOf } from '@really/protocol';
import { isOutdated, knownMembers } from '../model/evolve.js';
import type { Model, ModelSet } from '../model/model.js';
import type { Platform } from '../platform/platform.js';
import type { Epoch, Store } from '../store/store.js';
import type {
  Created,
  CreatedEntry,
  History,
  Query,
  ReadOptions,
  Scope,
} from '../store/store-reads.js';
import type { Pos, StoredObject } from '../store/stored-object.js';
import { MigrationFailed } from './migration-failed.js';
import type { Migrations } from './migrations.js';

export interface CurrentStoreOptions {
  /** The store without migration. */
  readonly store: Store;
  readonly models: () => ModelSet;
  readonly migrations: Migrations;
  readonly platform: Pick<Platform, 'clock'>;
}

/**
 * The store as of the current models: every returned object has the version of its model, and
 * queries search by that version (rules MIG1, MIG5). Reading a single object that cannot be
 * migrated rejects with `MigrationFailed`; reads of many objects leave it out. Collections without
 * a model are returned as stored.
 */
export class CurrentStore implements Store {
  readonly #options: CurrentStoreOptions;
  readonly #store: Store;

  // What is the same without migration.
  readonly prepare: Store['prepare'] = (collections) => this.#store.prepare(collections);
  readonly areLiving: Store['areLiving'] = (rs) => this.#store.areLiving(rs);
  readonly commit: Store['commit'] = (groups) => this.#store.commit(groups);
  readonly restore: Store['restore'] = (entries, newest) => this.#store.restore(entries, newest);
  /** Changes under other versions of the model are gone, so the objects have the current one. */
  readonly changes: Store['changes'] = (scope, after, limit, options) =>
    this.#store.changes(scope, after, limit, options);
  readonly outdated: Store['outdated'] = (names, version, after, limit) =>
    this.#store.outdated(names, version, after, limit);
  readonly countOutdated: Store['countOutdated'] = (names, version) =>
    this.#store.countOutdated(names, version);
  readonly migrate: Store['migrate'] = (objects) => this.#store.migrate(objects);
  readonly migrated: Store['migrated'] = (names, version) => this.#store.migrated(names, version);
  /** Of the stored objects: one that is not migrated yet, or cannot be, may become visible as it is. */
  readonly mistyped: Store['mistyped'] = (names, types) => this.#store.mistyped(names, types);
  readonly dependents: Store['dependents'] = (r, dependency, page) =>
    this.#store.dependents(r, dependency, page);
  readonly position: Store['position'] = () => this.#store.position();
  readonly latestChangeTime: Store['latestChangeTime'] = () => this.#store.latestChangeTime();
  readonly once: Store['once'] = (uid, id) => this.#store.once(uid, id);
  readonly ping: Store['ping'] = () => this.#store.ping();
  readonly close: Store['close'] = () => this.#store.close();

  constructor(options: CurrentStoreOptions) {
    this.#options = options;
    this.#store = options.store;
  }

  get isSoleWriter(): boolean {
    return this.#store.isSoleWriter;
  }

  get epoch(): Epoch {
    return this.#store.epoch;
  }

  async get(r: string): Promise<StoredObject | undefined> {
    const object = await this.#store.get(r);
    return object && (await this.#current(object));
  }

  async getMany(rs: readonly string[]): Promise<(StoredObject | undefined)[]> {
    const objects = await this.#store.getMany(rs);
    const hasOutdated = objects.some((object) => object && this.#isOutdated(object));
    if (!hasOutdated) return objects.map((object) => object && this.#trimmed(object));
    return await Promise.all(objects.map((object) => object && this.#currentIfAny(object)));
  }

  async query(query: Query): Promise<StoredObject[]> {
    const model = this.#options.models().get(query.scope.names);
    const objects = await this.#store.query(await this.#settled(model, query));
    return model ? objects.map((object) => trimmed(model, object)) : objects;
  }

  async count(query: Query): Promise<number> {
    const model = this.#options.models().get(query.scope.names);
    return await this.#store.count(await this.#settled(model, query));
  }

  async history(r: string, after: number, limit: number, patience?: ReadOptions): Promise<History> {
    const history = await this.#store.history(r, after, limit, patience);
    return { ...history, object: history.object && (await this.#current(history.object)) };
  }

  async created(scope: Scope, after: Pos, limit: number, patience?: ReadOptions): Promise<Created> {
    const page = await this.#store.created(scope, after, limit, patience);
    const current = await Promise.all(page.entries.map((entry) => this.#currentEntry(entry)));
    const entries = current.filter((entry) => entry !== undefined);
    if (entries.length === page.entries.length || page.entries.length < limit) {
      return { ...page, entries };
    }
    // So that it stays full.
    const rest = await this.created(scope, page.through, limit - entries.length, patience);
    return { ...rest, entries: [...entries, ...rest.entries] };
  }

  #modelOf(r: string): Model | undefined {
    return this.#options.models().get(namesOf(r));
  }

  #isOutdated(object: StoredObject): boolean {
    const model = this.#modelOf(object.r);
    return model !== undefined && isOutdated(model, object);
  }

  #trimmed(object: StoredObject): StoredObject {
    const model = this.#modelOf(object.r);
    return model ? trimmed(model, object) : object;
  }

  async #current(object: StoredObject): Promise<StoredObject | undefined> {
    const model = this.#modelOf(object.r);
    if (!model) return object;
    if (!isOutdated(model, object)) return trimmed(model, object);
    const migrated = await this.#options.migrations.migrate(model, object);
    return migrated && trimmed(model, migrated);
  }

  async #currentIfAny(object: StoredObject): Promise<StoredObject | undefined> {
    try {
      return await this.#current(object);
    } catch (error) {
      if (error instanceof MigrationFailed) return undefined;
      throw error;
    }
  }

  async #currentEntry(entry: CreatedEntry): Promise<CreatedEntry | undefined> {
    const object = await this.#currentIfAny(entry.object);
    return object && !object.deleted ? { ...entry, object } : undefined;
  }

  /** Waits until the collection is migrated; returns the query with its remaining time. */
  async #settled(model: Model | undefined, query: Query): Promise<Query> {
    if (!model || model.currentFrom <= 1) return query;
    const startedAt = this.#options.platform.clock.monotonic();
    await this.#options.migrations.settled(model, query.timeout);
    const timeout = query.timeout - (this.#options.platform.clock.monotonic() - startedAt);
    return { ...query, timeout, modelVersion: model.currentFrom };
  }
}

/** Removes fields that the current model does not have from objects of other versions. */
function trimmed(model: Model, object: StoredObject): StoredObject {
  if (object.modelVersion === model.version || object.deleted) return object;
  const data = knownMembers(model, object.data);
  return data === object.data ? object : { ...object, data };
}
