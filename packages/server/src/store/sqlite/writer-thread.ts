import type { Database } from 'better-sqlite3';
import type { MigrationOutcome, RestoreOutcome } from '../store.js';
import { Checkpoints } from './checkpoints.js';
import type { CommitAnswer, EncodedMigration, WriterNotice, WriterRequest } from './messages.js';
import { openForWriting } from './open-database.js';
import { serve } from './thread-port.js';
import { Writer } from './writer.js';

/** The one thread that writes. It opens the database, and closes it when it is told to. */
interface Opened {
  readonly db: Database;
  readonly writer: Writer;
  readonly checkpoints: Checkpoints;
}

let current: Opened | undefined;

function handle(request: WriterRequest): unknown {
  if (request.kind === 'open') return open(request);
  if (!current) throw new Error('the database is not open');
  const { db, writer, checkpoints } = current;
  switch (request.kind) {
    case 'prepare':
      return writer.prepare(request.layouts);
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
    case 'restart-log':
      return checkpoints.restart();
    case 'close':
      current = undefined;
      return void db.close();
    default:
      return request satisfies never;
  }
}

function commit(
  { writes, sizes, erases, now }: Extract<WriterRequest, { kind: 'commit' }>,
  { writer, checkpoints }: Opened,
): CommitAnswer {
  try {
    const answer = writer.commit({ writes, sizes, erases }, now);
    checkpoints.committed(writes);
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
  { entries, newest }: Extract<WriterRequest, { kind: 'restore' }>,
  { writer, checkpoints }: Opened,
): RestoreOutcome {
  const outcome = writer.restore(entries, newest);
  checkpoints.restored(entries);
  return outcome;
}

function open({ config }: Extract<WriterRequest, { kind: 'open' }>): string[] {
  const { db, upgraded } = openForWriting(config);
  current = { db, writer: new Writer(db, config), checkpoints: new Checkpoints(db, config) };
  return upgraded.map(({ to, what }) => `${to}: ${what}`);
}

const logFull: WriterNotice = { notice: 'log-full' };

serve<WriterRequest>(handle, (port) => {
  if (current?.checkpoints.run()) port.postMessage(logFull);
});
