import { rmSync } from 'node:fs';
import { makeOwnerOnlyFile } from '../../platform/owner-only.js';
import type { Progress } from '../../platform/progress.js';
import { type BackedUp, backUpDatabase } from '../../store/sqlite/backup.js';
import type { Config } from '../config/config-definition.js';
import { StartError } from '../start-error.js';
import { draftOf, isThere, leftDrafts, targetOf } from './draft-file.js';
import { asStartError, databaseOf } from './offline-database.js';
import { assertOther, putInPlace, syncFile } from './output-file.js';

export interface BackupOptions {
  readonly file: string;
  /** Whether it may replace a file that is there. */
  readonly force: boolean;
  readonly progress: Progress;
  /** Aborted where it is to stop: nothing is left then. */
  readonly signal: AbortSignal;
}

/**
 * Copies the database of an app, which may be running, into a file of its own that a server can be
 * started on. The file is there when all of it is on disk and was looked through, or not at all.
 */
export async function backUpApp(config: Config, options: BackupOptions): Promise<BackedUp> {
  const { force, progress, signal } = options;
  const source = databaseOf(config);
  const file = targetOf(options.file);
  assertOther(options.file, source);
  if (isThere(file, options.file) && !force) throw taken(options.file);
  const draft = draftOf(file);
  try {
    for (const left of leftDrafts(file)) remove(left);
    // There before it is filled, so that at no moment others may read it.
    makeOwnerOnlyFile(draft);
    const done = await backUpDatabase(source, draft, abortable(progress, signal));
    await syncFile(draft);
    signal.throwIfAborted();
    await putInPlace(draft, file, force);
    return done;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') {
      throw taken(options.file);
    }
    if (signal.aborted) throw new StartError([`no backup was made: ${String(signal.reason)}`]);
    throw asStartError(error, `the backup ${options.file} can not be made`);
  } finally {
    remove(draft);
  }
}

/** Between two steps of the work is the time to stop. */
function abortable(progress: Progress, signal: AbortSignal): Progress {
  return {
    ...progress,
    advance(count) {
      signal.throwIfAborted();
      progress.advance(count);
    },
  };
}

function remove(draft: string): void {
  for (const end of ['', '-wal', '-shm', '-journal']) rmSync(draft + end, { force: true });
}

function taken(file: string): StartError {
  return new StartError([`${file} is there already: --force replaces it`]);
}
