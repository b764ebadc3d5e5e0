import { existsSync } from 'node:fs';
import type { Database } from 'better-sqlite3';
import type { CollectionLayout } from '../../collection-layout.js';
import type { Epoch } from '../../store.js';
import { StoreRefused, StoreUnavailable } from '../../store-errors.js';
import type { MigrationOutcome } from '../../write-group.js';
import { Checkpoints } from '../files/checkpoints.js';
import { targetOf } from '../files/database-files.js';
import { EpochMark } from '../files/epoch-mark.js';
import { sizeOf } from '../files/log-file.js';
import { inspect } from '../files/missing-changes.js';
import { assertAlone, identityOf } from '../files/process-lock.js';
import { openForWriting } from '../open-database.js';
import { nameOpening, openEpoch, openingOf } from '../store-epoch.js';
import { Writer } from '../writer.js';
import type {
  CommitResult,
  EncodedMigration,
  OpenResult,
  RestoreResult,
  WriterNotice,
  WriterRequest,
} from './messages.js';
import { serve } from './thread-port.js';

/** The only thread that writes. It opens the database, and closes it on request. */
interface Opened {
  readonly db: Database;
  readonly writer: Writer;
  readonly checkpoints: Checkpoints;
  readonly mark: EpochMark;
  readonly log: OpenLog;
}

interface OpenLog {
  readonly file: string;
  readonly identity: string;
  /** When a commit last found it to be the same, in milliseconds since the epoch. */
  identifiedAt: number;
}

/** Milliseconds between two commits that look at the identity of the log. */
const identifyEvery = 100;

let current: Opened | undefined;

function handle(request: WriterRequest): unknown {
  if (request.kind === 'open') return open(request);
  if (!current) throw new Error('the database is not open');
  const { writer, checkpoints } = current;
  if (request.kind !== 'close' && isLost(current.log, request)) throw letGo(current);
  switch (request.kind) {
    case 'prepare':
      return prepare(request.layouts, current);
    case 'commit':
      return commit(request, current);
    case 'migrate':
      return migrate(request.objects, current);
    case 'migrated':
      return writer.migrated(request.collection, request.version);
    case 'restore':
      return restore(request, current);
    case 'ping':
      return writer.ping();
    case 'look':
      return undefined;
    case 'finish-log':
      return checkpoints.finish();
    case 'restart-log':
      return checkpoints.restart();
    case 'close':
      return close(request.opening, current);
    default:
      return request satisfies never;
  }
}

function prepare(layouts: readonly CollectionLayout[], { writer, mark }: Opened): void {
  writer.prepare(layouts);
  mark.advance(writer.position);
}

function commit(
  request: Extract<WriterRequest, { kind: 'commit' }>,
  { writer, checkpoints, mark }: Opened,
): CommitResult {
  try {
    const answer = writer.commit(request, request.now);
    mark.advance(writer.position);
    checkpoints.committed(request.writes);
    return answer;
  } catch (error) {
    checkpoints.failed();
    throw error;
  }
}

function migrate(
  objects: readonly EncodedMigration[],
  { writer, checkpoints }: Opened,
): MigrationOutcome[] {
  try {
    const outcomes = writer.migrate(objects);
    checkpoints.migrated(objects);
    return outcomes;
  } catch (error) {
    checkpoints.failed();
    throw error;
  }
}

function restore(
  { entries, newest, epoch }: Extract<WriterRequest, { kind: 'restore' }>,
  { writer, checkpoints, mark }: Opened,
): RestoreResult {
  const outcome = writer.restore(entries, newest, epoch);
  mark.advance(writer.position);
  checkpoints.restored(entries);
  return { outcome, epoch: writer.epoch };
}

function open(request: Extract<WriterRequest, { kind: 'open' }>): OpenResult {
  const { config, force, isLockNew, kind: _kind, ...fresh } = request;
  const mark = new EpochMark(config.file);
  const { cut, isRunning } = inspect(config.file, mark.read());
  const log = `${targetOf(config.file)}-wal`;
  // `assertAlone` opens the database for writing, and would take the rest of a log for all of it.
  if (isLockNew && isRunning && (!cut || force || sizeOf(log) === 0)) assertAlone(config.file);
  if (cut && !force) throw cut;
  let epoch: Epoch = fresh.epoch;
  let isOther = false;
  const { db, upgraded } = openForWriting(config, (opened, isNew) => {
    if (cut) assertWhole(opened, config.file);
    epoch = openEpoch(opened, mark, { ...fresh, isNew, isCut: cut !== undefined });
    isOther = !isNew && epoch.id === fresh.epoch.id;
  });
  const writer = new Writer(db, config, epoch);
  const identity = identityOf(log);
  const checkpoints = new Checkpoints(db, config);
  current = {
    db,
    writer,
    checkpoints,
    mark,
    log: { file: log, identity, identifiedAt: Number.NEGATIVE_INFINITY },
  };
  return {
    upgrades: upgraded.map(({ to, what }) => `${to}: ${what}`),
    epoch,
    // An older version had no epochs.
    isOther: isOther && upgraded.length === 0,
    cut: cut && { message: cut.message, missing: cut.missing },
  };
}

/** Losing a log that was half copied into the database corrupts it: there is no going on then. */
function assertWhole(db: Database, file: string): void {
  const problem = String(db.pragma('quick_check(1)', { simple: true })).replace(/\s+/g, ' ');
  if (problem === 'ok') return;
  throw new StoreRefused(`${file} is damaged, restore a backup: ${problem}`);
}

/**
 * Whether the log was removed or replaced. Most commits only check that there is one: once a program
 * has read the times of a file, Linux records the next one exactly, which makes the next commit
 * dearer (multigrain timestamps).
 */
function isLost(log: OpenLog, request: WriterRequest): boolean {
  const now = request.kind === 'commit' ? request.now : undefined;
  const isRecent = now !== undefined && Math.abs(now - log.identifiedAt) < identifyEvery;
  if (isRecent && existsSync(log.file)) return false;
  const isSame = identityOf(log.file) === log.identity;
  // Whatever comes in its place, the next request looks again.
  if (!isSame) log.identifiedAt = Number.NEGATIVE_INFINITY;
  else if (now !== undefined) log.identifiedAt = now;
  return !isSame;
}

/**
 * The log of the open database was removed: what is committed into it now is lost with this
 * process. Copies what was committed before into the database, which is then like a closed one.
 */
function letGo({ db, mark, log }: Opened): StoreUnavailable {
  try {
    nameOpening(db, mark, { opening: openingOf(db), isRunning: false });
  } catch {
    // It is tried again with the next request.
  }
  return new StoreUnavailable(`${log.file} was removed while the database was open`);
}

/** The mark file is useful, but closing must not fail for it. */
function close(opening: string, { db, mark }: Opened): void {
  current = undefined;
  try {
    nameOpening(db, mark, { opening, isRunning: false });
  } catch {
    // The next opening handles what is left.
  } finally {
    mark.close();
    db.close();
  }
}

serve<WriterRequest>(handle, (port) => {
  if (current?.checkpoints.due()) port.postMessage({ notice: 'log-due' } satisfies WriterNotice);
});
