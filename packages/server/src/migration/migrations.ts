import { setImmediate as nextTurn } from 'node:timers/promises';
import { evolve, isOutdated } from '../model/evolve.js';
import type { Model, ModelSet } from '../model/model.js';
import type { Log } from '../platform/log.js';
import { type Counter, type Metrics, noMetrics } from '../platform/metrics.js';
import type { Platform } from '../platform/platform.js';
import type { Store } from '../store/store.js';
import { StoreUnavailable } from '../store/store-errors.js';
import type { StoredObject } from '../store/stored-object.js';
import { MigrationFailed } from './migration-failed.js';
import { MigrationQueue } from './migration-queue.js';

export interface MigrationsOptions {
  /** The store without migration. */
  readonly store: Store;
  readonly models: () => ModelSet;
  readonly platform: Pick<Platform, 'timers'>;
  readonly log: Log;
  readonly metrics?: Metrics | undefined;
}

/** The objects that a pass could not migrate. */
export interface MigrationFailures {
  readonly count: number;
  /** The first ones; a broken script may fail for millions. */
  readonly listed: readonly MigrationFailed[];
}

type OnProgress = (seen: number) => void;

/** A pass over a collection, which all callers share. */
interface Pass {
  readonly result: Promise<MigrationFailures>;
  readonly listeners: Set<OnProgress>;
  /** It has succeeded. */
  isOver: boolean;
}

/** Attempts for one object while others write it. */
const maxConflicts = 10;

/** Failures of a pass that are listed; the others are only counted. */
export const maxListed = 100;

/** Objects per batch of a pass. */
const batchSize = 256;

/** Migrates one object on demand, or a whole collection (rules MIG1 to MIG6). */
export class Migrations {
  readonly #store: Store;
  readonly #models: () => ModelSet;
  readonly #platform: Pick<Platform, 'timers'>;
  readonly #log: Log;
  readonly #queue: MigrationQueue;
  /** The latest of each model. */
  readonly #passes = new WeakMap<Model, Pass>();
  readonly #migrated: Counter;
  readonly #failed: Counter;

  constructor({ store, models, platform, log, metrics = noMetrics }: MigrationsOptions) {
    this.#store = store;
    this.#models = models;
    this.#platform = platform;
    this.#log = log;
    this.#queue = new MigrationQueue(store);
    this.#migrated = metrics.counter(
      'really_migrated_objects_total',
      'Objects migrated to the version of their model.',
    );
    this.#failed = metrics.counter(
      'really_migration_failures_total',
      'Failed attempts to migrate an object to the version of its model.',
    );
  }

  /**
   * Migrates and stores the object. `undefined` if it was deleted meanwhile. Rejects with
   * `MigrationFailed`. If the store cannot save it (now, or because another object has its value in
   * a unique field), only the returned object is migrated.
   */
  async migrate(model: Model, object: StoredObject): Promise<StoredObject | undefined> {
    const evolved = await this.#evolved(model, object);
    try {
      return (await this.#save(model, object, evolved)).object;
    } catch (error) {
      if (error instanceof StoreUnavailable) return evolved;
      throw error;
    }
  }

  /**
   * Resolves when the collection has no more objects that can be migrated; all callers share one
   * pass. Rejects with `StoreUnavailable` after `timeout` ms, while the pass goes on, or when the
   * store is unavailable; the next caller then starts a new pass.
   */
  settled({ names }: Pick<Model, 'names'>, timeout: number): Promise<void> {
    const model = this.#models().get(names);
    if (!model || model.currentFrom <= 1) return alreadySettled;
    const pass = this.#passes.get(model) ?? this.#begin(model);
    if (pass.isOver) return alreadySettled;
    return new Promise((resolve, reject) => {
      const timer = this.#platform.timers.after(timeout, () => {
        const why = `objects of ${model.key} were still being migrated after ${timeout} ms`;
        reject(new StoreUnavailable(why));
      });
      const done = pass.result.then(() => resolve(), reject);
      void done.finally(() => timer.cancel());
    });
  }

  /** As `settled`, but begins again if the last pass is over. `onProgress` gets how many it saw. */
  async run(model: Model, onProgress: OnProgress): Promise<MigrationFailures> {
    if (model.currentFrom <= 1) return { count: 0, listed: [] };
    const known = this.#passes.get(model);
    const pass = known && !known.isOver ? known : this.#begin(model);
    pass.listeners.add(onProgress);
    try {
      return await pass.result;
    } finally {
      pass.listeners.delete(onProgress);
    }
  }

  async #evolved(model: Model, object: StoredObject): Promise<StoredObject> {
    const evolved = await evolve(model, object);
    if (evolved.kind === 'failed') throw this.#failure(object.r, evolved.reason);
    return evolved.object;
  }

  /**
   * Saves the migrated object. Returns what is stored in the end, which is another writer's version
   * if that won the race, or the unique field that kept it from being stored.
   */
  async #save(model: Model, before: StoredObject, after: StoredObject): Promise<StoreResult> {
    let [from, object] = [before, after];
    for (let conflicts = 0; conflicts <= maxConflicts; conflicts++) {
      const outcome = await this.#queue.enqueue({ object, from: from.modelVersion });
      if (outcome.kind === 'unique') return { ...outcome, object };
      if (outcome.kind === 'migrated') {
        this.#migrated.add();
        return { kind: 'stored', object };
      }
      const stored = await this.#store.get(object.r);
      if (!stored || !isOutdated(model, stored)) return { kind: 'stored', object: stored };
      from = stored;
      object = await this.#evolved(model, stored);
    }
    throw new StoreUnavailable(`${object.r} changes faster than it can be migrated`);
  }

  #failure(r: string, reason: string): MigrationFailed {
    this.#failed.add();
    this.#log.error({ r, reason }, 'an object cannot be migrated');
    return new MigrationFailed(r, reason);
  }

  #begin(model: Model): Pass {
    const listeners = new Set<OnProgress>();
    const result = this.#pass(model, (seen) => {
      for (const onProgress of listeners) onProgress(seen);
    });
    const pass: Pass = { result, listeners, isOver: false };
    this.#passes.set(model, pass);
    result.then(
      () => {
        pass.isOver = true;
      },
      () => {
        // The next caller starts a new pass.
        if (this.#passes.get(model) === pass) this.#passes.delete(model);
      },
    );
    return pass;
  }

  /** Migrates all outdated objects of a collection. Stops if the model is replaced. */
  async #pass(model: Model, onProgress: OnProgress): Promise<MigrationFailures> {
    const { names, currentFrom } = model;
    const listed: MigrationFailed[] = [];
    let [seen, count] = [0, 0];
    for (let after: number | undefined = 0; after !== undefined; ) {
      if (this.#models().get(names) !== model) return { count, listed };
      const page = await this.#store.outdated(names, currentFrom, after, batchSize);
      const failures = await this.#migrateAll(model, page.objects);
      listed.push(...failures.slice(0, maxListed - listed.length));
      count += failures.length;
      seen += page.objects.length;
      onProgress(seen);
      after = page.next;
      // Yields the event loop.
      await nextTurn();
    }
    if (count === 0) await this.#store.migrated(names, currentFrom);
    return { count, listed };
  }

  async #migrateAll(model: Model, objects: readonly StoredObject[]): Promise<MigrationFailed[]> {
    const results = await Promise.allSettled(
      objects.map((object) => this.#migrateStored(model, object)),
    );
    const failures: MigrationFailed[] = [];
    for (const result of results) {
      if (result.status === 'fulfilled') continue;
      if (!(result.reason instanceof MigrationFailed)) throw result.reason;
      failures.push(result.reason);
    }
    return failures;
  }

  async #migrateStored(model: Model, object: StoredObject): Promise<void> {
    const result = await this.#save(model, object, await this.#evolved(model, object));
    if (result.kind === 'unique') throw this.#failure(object.r, notUniqueIn(result.fields));
  }
}

type StoreResult =
  | { readonly kind: 'stored'; readonly object: StoredObject | undefined }
  | { readonly kind: 'unique'; readonly object: StoredObject; readonly fields: readonly string[] };

const alreadySettled = Promise.resolve();

function notUniqueIn(fields: readonly string[]): string {
  return fields.length === 1
    ? `another object has its value in ${fields[0]}, which is unique`
    : `another object has its values in ${fields.join(' and ')}, which are unique together`;
}
