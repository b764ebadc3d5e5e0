import { existsSync, rmSync } from 'node:fs';
import { AnswersMissing } from '../../store-errors.js';
import { openForReading } from '../open-database.js';
import { openedAs } from '../store-epoch.js';
import { versionOf } from '../tables/upgrades.js';
import { targetOf } from './database-files.js';
import type { MarkContent } from './epoch-mark.js';
import { isDamagedWithin, sizeOf } from './log-file.js';

/** The first version of the file with a name for each opening. */
const firstNamed = 5;

/**
 * Inspects a database before it is opened, without changing anything. `cut` is the refusal where it
 * lacks changes that were committed, and so may have been answered: its write-ahead log is missing,
 * truncated or damaged, or the database was restored without it. `remembered` is the content of the
 * mark file.
 *
 * `isRunning`: it was not closed, so the process was killed, or it is in use. Not counted as
 * missing: an unfinished commit, and what a backup or a copy of an earlier run lacks.
 */
export function inspect(
  file: string,
  remembered: MarkContent | 'unreadable' | undefined,
): { readonly cut?: AnswersMissing | undefined; readonly isRunning: boolean } {
  const log = `${targetOf(file)}-wal`;
  const logSize = sizeOf(log);
  if (sizeOf(file) === 0 && logSize === 0) return { isRunning: false };
  const isDamaged = isDamagedWithin(log);
  const found = lookInto(file);
  if (!found || found.opening.name === '') return { isRunning: false };
  const { opening, position } = found;
  const { isRunning } = opening;
  const what = logSize === 0 ? `${log} is missing or empty` : `${log} is damaged or an older one`;
  const isRemembered = typeof remembered === 'object' && remembered.openings.includes(opening.name);
  if (isRemembered && remembered.position > position) {
    return { cut: refusal(file, remembered.position - position, what), isRunning };
  }
  const isBare = isRunning && logSize === 0 && !isRemembered;
  return { cut: isBare || isDamaged ? refusal(file, undefined, what) : undefined, isRunning };
}

/** `undefined` where nothing can be missing. */
function lookInto(
  file: string,
): { opening: ReturnType<typeof openedAs>; position: number } | undefined {
  const besides = ['-wal', '-shm'].map((end) => targetOf(file) + end);
  const made = besides.filter((path) => !existsSync(path));
  let db: ReturnType<typeof openForReading> | undefined;
  try {
    db = openForReading(file);
    if (versionOf(db) < firstNamed) return undefined;
    const [position, opening] = db.prepare('SELECT position, opening FROM meta').raw().get() as [
      number,
      string,
    ];
    return { position, opening: openedAs(opening) };
  } catch {
    // Opening the database reports what is wrong with it.
    return undefined;
  } finally {
    db?.close();
    // Files that reading has created, such as an empty log, must not pass for those of the last
    // server.
    for (const path of made) rmSync(path, { force: true });
  }
}

function refusal(file: string, missing: number | undefined, what: string): AnswersMissing {
  const changes =
    missing === undefined
      ? 'committed changes'
      : `the last ${missing === 1 ? 'committed change' : `${missing} committed changes`}`;
  const advice =
    'put the log back as it was, or restore a backup, or start with --force to go on with what is there';
  return new AnswersMissing(`${file} lacks ${changes}: ${what}; ${advice}`, missing);
}
