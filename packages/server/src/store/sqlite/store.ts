import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Log } from '../../platform/log.js';
import { type Metrics, noMetrics } from '../../platform/metrics.js';
import type { Platform, Timer } from '../../platform/platform.js';
import type { CollectionLayout, StoredFieldType } from '../collection-layout.js';
import { makeEpoch } from '../make-epoch.js';
import { horizonOf, publishedHistory } from '../retention.js';
import type { Epoch, Store } from '../store.js';
import { QueryTimeout, StoreInUse, StoreUnavailable, WritesUnavailable } from '../store-errors.js';
import type {
  Changes,
  Created,
  Dependency,
  Dependents,
  DependentsPage,
  History,
  Outdated,
  Query,
  ReadOptions,
  Scope,
} from '../store-reads.js';
import type { Pos, StoredObject } from '../stored-object.js';
import type {
  GroupOutcome,
  Migration,
  MigrationOutcome,
  OnceRecord,
  RestoredObject,
  RestoreOutcome,
  WriteGroup,
} from '../write-group.js';
import { defaultSqliteConfig, type SqliteConfig } from './config.js';
import { asStoreError } from './errors.js';
import { claimDatabase, makeDatabaseFolder, narrowDatabase } from './files/database-files.js';
import { LogCheckpointer } from './files/log-checkpointer.js';
import { ProcessLock } from './files/process-lock.js';
import { openForReading } from './open-database.js';
import { packFilter } from './sql/packed-filter.js';
import { locate } from './tables/location.js';
import { PointReader, type StoredHistory } from './tables/point-reader.js';
import {
  type CommitResult,
  encodeGroups,
  encodeMigration,
  encodeObjectWithHistory,
  type ReaderRequest,
  type RestoreResult,
  type ThreadQuery,
  type WriterRequest,
} from './threads/messages.js';
import { ReaderPool } from './threads/reader-pool.js';
import { WriterClient } from './threads/writer-client.js';

/** Milliseconds between two checks of the files. */
const watchEvery = 1000;

/** Changes that a history may go back on the main thread; longer ones are for a reader thread. */
const farBack = 200;

/**
 * The file is created where missing, and upgraded. Rejects with `StoreRefused` where it cannot be
 * opened. One thread writes, others answer queries, and reads by key run on the calling thread.
 */
export async function openSqliteStore(
  options: Partial<SqliteConfig> & Pick<SqliteConfig, 'file'>,
  platform: Platform,
  log: Log,
  metrics: Metrics = noMetrics,
): Promise<Store> {
  const config: SqliteConfig = { ...defaultSqliteConfig, ...options };
  makeDatabaseFolder(dirname(config.file));
  const lock = new ProcessLock(config.file);
  try {
    claimDatabase(config.file);
    for (const file of narrowDatabase(config.file)) {
      log.warn(
        { file },
        'others than its owner may read this file, and its mode cannot be changed',
      );
    }
    const writer = await WriterClient.open(config, platform, log, { isLockNew: lock.isNew });
    return new SqliteStore({ config, platform, writer, log, lock }, metrics);
  } catch (error) {
    lock.release();
    // So that the next process that tries checks as closely.
    if (lock.isNew && error instanceof StoreInUse) rmSync(`${config.file}.lock`, { force: true });
    throw error;
  }
}

function asked({
  timeout: _timeout,
  requester: _requester,
  room,
  filter,
  ...query
}: Query): ThreadQuery {
  return { ...query, size: room?.size, filter: filter && packFilter(filter) };
}

interface QueryAnswer {
  readonly objects: StoredObject[];
  readonly isCut?: boolean | undefined;
}

interface Parts {
  readonly config: SqliteConfig;
  readonly platform: Platform;
  readonly writer: WriterClient;
  readonly log: Log;
  readonly lock: ProcessLock;
}

class SqliteStore implements Store {
  readonly isSoleWriter = true;
  readonly #parts: Parts;
  readonly #points: PointReader;
  readonly #pool: ReaderPool;
  readonly #logCheckpointer: LogCheckpointer;
  readonly #watch: Timer;
  #epoch: Epoch;
  #closed: Promise<void> | undefined;

  constructor(parts: Parts, metrics: Metrics) {
    const { config, platform, writer } = parts;
    this.#parts = parts;
    this.#epoch = writer.epoch;
    this.#watch = platform.timers.every(watchEvery, () => this.#look());
    this.#points = new PointReader(openForReading(config.file), config);
    this.#pool = new ReaderPool(config.file, config.readers, platform);
    metrics.observe(
      'really_store_queries_running',
      'Queries and counts that run in threads of the store.',
      () => this.#pool.running,
    );
    metrics.observe(
      'really_store_queries_waiting',
      'Queries and counts that wait for a thread of the store.',
      () => this.#pool.waiting,
    );
    metrics.observe(
      'really_store_writable',
      '1 while writes can be served, 0 while the store fails, is stuck or restarts.',
      () => (writer.trouble === undefined ? 1 : 0),
    );
    this.#logCheckpointer = new LogCheckpointer({ ...parts, pool: this.#pool });
    writer.onLogDue = () => this.#logCheckpointer.due();
  }

  get epoch(): Epoch {
    return this.#epoch;
  }

  async prepare(collections: readonly CollectionLayout[]): Promise<void> {
    await this.#write({ kind: 'prepare', layouts: collections });
  }

  async get(r: string): Promise<StoredObject | undefined> {
    return this.#read(() => this.#points.get(r));
  }

  async getMany(rs: readonly string[]): Promise<(StoredObject | undefined)[]> {
    return this.#read(() => this.#points.getMany(rs));
  }

  async areLiving(rs: readonly string[]): Promise<boolean[]> {
    return this.#read(() => this.#points.areLiving(rs));
  }

  async commit(groups: readonly WriteGroup[]): Promise<GroupOutcome[]> {
    if (groups.length === 0) return [];
    const now = this.#parts.platform.clock.now();
    const request = { kind: 'commit', ...encodeGroups(groups), now } as const;
    const answer = (await this.#write(request)) as CommitResult;
    if ('outcomes' in answer) return [...answer.outcomes];
    let pos = answer.first;
    return groups.map(({ writes }) => ({ kind: 'committed', positions: writes.map(() => pos++) }));
  }

  async restore(entries: readonly RestoredObject[], newest: number): Promise<RestoreOutcome> {
    const epoch = makeEpoch(this.#parts.platform.random, false);
    const added = entries.map(encodeObjectWithHistory);
    const request = { kind: 'restore', entries: added, newest, epoch } as const;
    const answer = (await this.#write(request)) as RestoreResult;
    this.#epoch = answer.epoch;
    return answer.outcome;
  }

  async query(query: Query): Promise<StoredObject[]> {
    const { room } = query;
    const answer = await this.#ask<QueryAnswer>({ kind: 'query', query: asked(query) }, query);
    if (room) room.isCut = answer.isCut === true;
    return answer.objects;
  }

  async count(query: Query): Promise<number> {
    return await this.#ask({ kind: 'count', query: asked(query) }, query);
  }

  async history(r: string, after: number, limit: number, options?: ReadOptions): Promise<History> {
    const { config, platform, writer } = this.#parts;
    const { collection } = locate(r);
    const horizon = horizonOf(writer.layouts.get(collection)?.retention, config.history);
    const near = this.#read(() =>
      this.#points.history(r, (rev) => {
        if (after >= rev || after + 1 < horizon.oldestRev(rev)) return undefined;
        return rev - after > farBack ? 'far' : { after, limit };
      }),
    );
    if (near === undefined) return { object: undefined, entries: [], complete: true };
    const { object, entries } =
      near === 'far'
        ? await this.#ask<StoredHistory>({ kind: 'history', r, after, limit }, options)
        : near;
    const span = { rev: object.rev, after, limit };
    return { object, ...publishedHistory(entries, span, horizon, platform.clock.now()) };
  }

  async created(scope: Scope, after: Pos, limit: number, options?: ReadOptions): Promise<Created> {
    return await this.#ask({ kind: 'created', scope, after, limit }, options);
  }

  async changes(scope: Scope, after: Pos, limit: number, options?: ReadOptions): Promise<Changes> {
    return await this.#ask({ kind: 'changes', scope, after, limit }, options);
  }

  async outdated(
    names: readonly string[],
    version: number,
    after: number,
    limit: number,
  ): Promise<Outdated> {
    return await this.#ask({ kind: 'outdated', names, version, after, limit });
  }

  async countOutdated(names: readonly string[], version: number): Promise<number> {
    return await this.#ask({ kind: 'count-outdated', names, version });
  }

  async migrate(objects: readonly Migration[]): Promise<MigrationOutcome[]> {
    if (objects.length === 0) return [];
    const request = { kind: 'migrate', objects: objects.map(encodeMigration) } as const;
    return (await this.#write(request)) as MigrationOutcome[];
  }

  async migrated(names: readonly string[], version: number): Promise<void> {
    await this.#write({ kind: 'migrated', collection: names.join('/'), version });
  }

  async mistyped(names: readonly string[], types: readonly StoredFieldType[]): Promise<boolean> {
    this.#assertOpen();
    if (types.length === 0) return false;
    return await this.#ask({ kind: 'mistyped', names, types });
  }

  async dependents(r: string, dependency: Dependency, page: DependentsPage): Promise<Dependents> {
    return this.#read(() => this.#points.dependents.page(r, dependency, page));
  }

  async position(): Promise<Pos> {
    return this.#read(() => this.#points.meta().position);
  }

  async latestChangeTime(): Promise<number> {
    return this.#read(() => this.#points.meta().newest);
  }

  async once(uid: string, id: string): Promise<OnceRecord | undefined> {
    const now = this.#parts.platform.clock.now();
    return this.#read(() => this.#points.once.find(uid, id, now));
  }

  async ping(): Promise<void> {
    this.#read(() => this.#points.meta());
    const { trouble } = this.#parts.writer;
    if (trouble !== undefined) throw new WritesUnavailable(trouble);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** The writer closes last: it then copies its log into the database and removes it. */
  async #close(): Promise<void> {
    this.#watch.cancel();
    await this.#pool.close();
    this.#points.close();
    await this.#logCheckpointer.close();
    await this.#parts.writer.close();
    this.#parts.lock.release();
  }

  /** Deleting files beside an open database must neither let a second server in nor lose writes. */
  #look(): void {
    const { lock, log, writer } = this.#parts;
    const found = lock.keep();
    if (found === 'renewed') log.warn({}, 'the lock file was deleted, and created again');
    if (found === 'lost') log.error({}, 'the lock file was replaced by another process');
    // Failures are reported to the callers whose writes fail.
    if (!writer.trouble) writer.ask({ kind: 'look' }).catch(() => {});
  }

  async #ask<Answer>(request: ReaderRequest, options?: ReadOptions): Promise<Answer> {
    this.#assertOpen();
    if (options && options.timeout <= 0) {
      throw new QueryTimeout(`the query took longer than ${options.timeout} ms`);
    }
    return JSON.parse(await this.#pool.request(request, options)) as Answer;
  }

  async #write(request: WriterRequest): Promise<unknown> {
    this.#assertOpen();
    if (this.#logCheckpointer.isBehind) await this.#logCheckpointer.slowDown();
    return await this.#parts.writer.ask(request);
  }

  #read<T>(read: () => T): T {
    this.#assertOpen();
    try {
      return read();
    } catch (error) {
      throw asStoreError(error);
    }
  }

  #assertOpen(): void {
    if (this.#closed) throw new StoreUnavailable('the store is closed');
  }
}
