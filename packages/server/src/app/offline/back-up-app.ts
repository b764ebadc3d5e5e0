import { makeOwnerOnlyFile } from '../../platform/owner-only.js';
import type { Progress } from '../../platform/progress.js';
import { systemCode } from '../../platform/system-reason.js';
import { type BackedUp, backUpDatabase } from '../../store/sqlite/backup.js';
import type { Config } from '../config/config-definition.js';
import { StartError } from '../start-error.js';
import { asStartError, databaseOf } from './offline-database.js';
import {
  assertOther,
  draftOf,
  isThere,
  leftDrafts,
  putInPlace,
  removeDraft,
  syncFile,
  targetOf,
} from './output-file.js';

export interface BackupOptions {
  readonly file: string;
  /** Whether to replace an existing file. */
  readonly force: boolean;
  readonly progress: Progress;
  /** Aborted to stop the backup: then no file remains. */
  readonly signal: AbortSignal;
}

/**
 * Copies the database of an app, which may be running, into a file that a server can be started on. The file appears
 * when it is on disk and verified, or not at all.
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
    // Created before it is filled, so that others can read it at no moment.
    makeOwnerOnlyFile(draft);
    const done = await backUpDatabase(source, draft, abortable(progress, signal));
    await syncFile(draft);
    signal.throwIfAborted();
    await putInPlace(draft, file, force);
    return done;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') throw taken(options.file);
    if (signal.aborted) throw new StartError([`no backup was made: ${String(signal.reason)}`]);
    throw asStartError(error, `the backup ${options.file} cannot be made`);
  } finally {
    remove(draft);
  }
}

/** Checked between two steps of the work. */
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
  for (const end of ['', '-wal', '-shm', '-journal']) removeDraft(draft + end);
}

function taken(file: string): StartError {
  return new StartError([`${file} is there already: --force replaces it`]);
}
