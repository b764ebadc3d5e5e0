import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Log } from '../../platform/log.js';
import { type Metrics, noMetrics } from '../../platform/metrics.js';
import type { Platform, Timer } from '../../platform/platform.js';
import type { CollectionLayout, StoredFieldType } from '../collection-layout.js';
import type { Dependency, Dependents, DependentsPage } from '../dependents.js';
import { makeEpoch } from '../make-epoch.js';
import { horizonOf, publishedHistory } from '../retention.js';
import type { Epoch, Store } from '../store.js';
import { QueryTimeout, StoreInUse, StoreUnavailable, WritesUnavailable } from '../store-errors.js';
import type {
  Changes,
  Created,
  History,
  Outdated,
  Query,
  ReadOptions,
  Scope,
} from '../store-reads.js';
import type { Change, Pos, StoredObject } from '../stored-object.js';
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
import { lockDatabase, type ProcessLock } from './files/process-lock.js';
import { openForReading } from './open-database.js';
import { packFilter } from './sql/packed-filter.js';
import type { RevisionRange } from './tables/history-reader.js';
import { locate } from './tables/location.js';
import { PointReader } from './tables/point-reader.js';
import { publishedOf } from './tables/rows.js';
import {
  type CommitResult,
  encodeGroups,
  encodeMigration,
  encodeObjectWithHistory,
  type ReaderRequest,
  type RestoreResult,
  type ThreadQuery,
} from './threads/messages.js';
import { ReaderPool } from './threads/reader-pool.js';
import { WriterClient } from './threads/writer-client.js';

/** Milliseconds between two checks of the files. */
const watchEvery = 1000;

/**
 * Maximum changes that a history may go back on the main thread; longer ones are read in a reader
 * thread.
 */
const farBack = 200;

/**
 * Opens a store in a SQLite file, which is created where missing and upgraded from older versions.
 * Rejects with `StoreRefused` where it cannot be opened.
 *
 * One thread writes, others answer queries, and reads by key run on the calling thread.
 */
export async function openSqliteStore(
  options: Partial<SqliteConfig> & Pick<SqliteConfig, 'file'>,
  platform: Platform,
  log: Log,
  metrics: Metrics = noMetrics,
): Promise<Store> {
  const config: SqliteConfig = { ...defaultSqliteConfig, ...options };
  makeDatabaseFolder(dirname(config.file));
  const lock = lockDatabase(config.file);
  try {
    claimDatabase(config.file);
    for (const file of narrowDatabase(config.file)) {
      log.warn(
        { file },
        'others than its owner may read this file, and its mode cannot be changed',
      );
    }
    const writer = await WriterClient.open(config, platform, log, { isLockNew: lock.isNew });
    return new SqliteStore({
      config,
      platform,
      writer,
      log,
      metrics,
      lock,
    });
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
  readonly metrics: Metrics;
  readonly lock: ProcessLock;
}

class SqliteStore implements Store {
  readonly isSoleWriter = true;
  readonly #config: SqliteConfig;
  readonly #platform: Platform;
  readonly #writer: WriterClient;
  readonly #points: PointReader;
  readonly #pool: ReaderPool;
  readonly #logCheckpointer: LogCheckpointer;
  readonly #layouts = new Map<string, CollectionLayout>();
  readonly #lock: ProcessLock;
  readonly #log: Log;
  readonly #watch: Timer;
  #epoch: Epoch;
  #closed: Promise<void> | undefined;

  constructor({ config, platform, writer, log, metrics, lock }: Parts) {
    this.#config = config;
    this.#platform = platform;
    this.#writer = writer;
    this.#epoch = writer.epoch;
    this.#lock = lock;
    this.#log = log;
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
    this.#logCheckpointer = new LogCheckpointer({
      config,
      writer,
      pool: this.#pool,
      platform,
      log,
    });
    writer.onLogDue = () => this.#logCheckpointer.due();
  }

  get epoch(): Epoch {
    return this.#epoch;
  }

  async prepare(collections: readonly CollectionLayout[]): Promise<void> {
    await this.#write({ kind: 'prepare', layouts: collections });
    for (const layout of collections) this.#layouts.set(layout.names.join('/'), layout);
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
    const now = this.#platform.clock.now();
    const request = { kind: 'commit', ...encodeGroups(groups), now } as const;
    const answer = (await this.#write(request)) as CommitResult;
    if ('outcomes' in answer) return [...answer.outcomes];
    let pos = answer.first;
    return groups.map(({ writes }) => ({ kind: 'committed', positions: writes.map(() => pos++) }));
  }

  async restore(entries: readonly RestoredObject[], newest: number): Promise<RestoreOutcome> {
    const epoch = makeEpoch(this.#platform.random, false);
    const request = {
      kind: 'restore',
      entries: entries.map(encodeObjectWithHistory),
      newest,
      epoch,
    } as const;
    const answer = (await this.#write(request)) as RestoreResult;
    this.#epoch = answer.epoch;
    return answer.outcome;
  }

  async query(query: Query): Promise<StoredObject[]> {
    const { timeout, requester, room } = query;
    const request = { kind: 'query', query: asked(query) } as const;
    const answer = JSON.parse(await this.#ask(request, { timeout, requester })) as QueryAnswer;
    if (room) room.isCut = answer.isCut === true;
    return answer.objects;
  }

  async count(query: Query): Promise<number> {
    const { timeout, requester } = query;
    const request = { kind: 'count', query: asked(query) } as const;
    return JSON.parse(await this.#ask(request, { timeout, requester })) as number;
  }

  async history(r: string, after: number, limit: number, options?: ReadOptions): Promise<History> {
    const { collection } = locate(r);
    const horizon = horizonOf(this.#layouts.get(collection)?.retention, this.#config.history);
    const near = this.#read(() =>
      this.#points.history(r, (rev) => {
        if (after >= rev || after + 1 < horizon.oldestRev(rev)) return undefined;
        return rev - after > farBack ? 'far' : { after, limit };
      }),
    );
    if (near === undefined) return { object: undefined, entries: [], complete: true };
    const { object, stored } =
      near === 'far'
        ? await this.#farHistory(r, { after, limit }, options)
        : { object: near.object, stored: near.rows.map((row) => publishedOf(r, row)) };
    const now = this.#platform.clock.now();
    return { object, ...publishedHistory(stored, { rev: object.rev, after, limit }, horizon, now) };
  }

  async created(scope: Scope, after: Pos, limit: number, options?: ReadOptions): Promise<Created> {
    const request = { kind: 'created', scope, after, limit } as const;
    return JSON.parse(await this.#ask(request, options)) as Created;
  }

  async changes(scope: Scope, after: Pos, limit: number, options?: ReadOptions): Promise<Changes> {
    const request = { kind: 'changes', scope, after, limit } as const;
    return JSON.parse(await this.#ask(request, options)) as Changes;
  }

  async outdated(
    names: readonly string[],
    version: number,
    after: number,
    limit: number,
  ): Promise<Outdated> {
    this.#assertOpen();
    const request = { kind: 'outdated', names, version, after, limit } as const;
    const { objects, next } = JSON.parse(await this.#pool.request(request)) as Outdated;
    return { objects, next };
  }

  async countOutdated(names: readonly string[], version: number): Promise<number> {
    this.#assertOpen();
    return JSON.parse(
      await this.#pool.request({ kind: 'count-outdated', names, version }),
    ) as number;
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
    return JSON.parse(await this.#pool.request({ kind: 'mistyped', names, types })) as boolean;
  }

  async dependents(r: string, dependency: Dependency, page: DependentsPage): Promise<Dependents> {
    return this.#read(() => this.#points.dependents(r, dependency, page));
  }

  async position(): Promise<Pos> {
    return this.#read(() => this.#points.meta().position);
  }

  async latestChangeTime(): Promise<number> {
    return this.#read(() => this.#points.meta().newest);
  }

  async once(uid: string, id: string): Promise<OnceRecord | undefined> {
    const now = this.#platform.clock.now();
    return this.#read(() => this.#points.once(uid, id, now));
  }

  async ping(): Promise<void> {
    this.#read(() => this.#points.meta());
    const { trouble } = this.#writer;
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
    await this.#writer.close();
    this.#lock.release();
  }

  /** Deleting files beside an open database must neither let a second server in nor lose writes. */
  #look(): void {
    const found = this.#lock.keep();
    if (found === 'renewed') this.#log.warn({}, 'the lock file was deleted, and created again');
    if (found === 'lost') this.#log.error({}, 'the lock file was replaced by another process');
    // Failures are reported to the callers whose writes fail.
    if (!this.#writer.trouble) this.#writer.ask({ kind: 'look' }).catch(() => {});
  }

  async #farHistory(
    r: string,
    { after, limit }: RevisionRange,
    options: ReadOptions | undefined,
  ): Promise<{ object: StoredObject; stored: Change[] }> {
    const json = await this.#ask({ kind: 'history', r, after, limit }, options);
    const { object, entries } = JSON.parse(json) as { object: StoredObject; entries: Change[] };
    return { object, stored: entries };
  }

  async #ask(request: ReaderRequest, options: ReadOptions | undefined): Promise<string> {
    this.#assertOpen();
    if (options && options.timeout <= 0) {
      throw new QueryTimeout(`the query took longer than ${options.timeout} ms`);
    }
    return await this.#pool.request(request, options);
  }

  async #write(request: Parameters<WriterClient['ask']>[0]): Promise<unknown> {
    this.#assertOpen();
    if (this.#logCheckpointer.isBehind) await this.#logCheckpointer.slowDown();
    return await this.#writer.ask(request);
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
