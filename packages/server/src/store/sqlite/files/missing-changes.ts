import { existsSync, rmSync } from 'node:fs';
import { AnswersMissing } from '../../store.js';
import { openForReading } from '../open-database.js';
import { openedAs } from '../store-epoch.js';
import { versionOf } from '../tables/upgrades.js';
import { targetOf } from './database-files.js';
import type { MarkContent } from './epoch-mark.js';
import { isDamagedWithin, sizeOf } from './log-file.js';

/** The first version of the file that has a name for each opening. */
const firstNamed = 5;

/**
 * Looks at a database that is about to be opened, and leaves everything as it is. `cut` is what to refuse it with where it lacks
 * changes that were committed, and so may have been answered: because its write-ahead log is gone, was cut off or is
 * damaged, or because the database was put back without it. `remembered`: what the file beside it says.
 *
 * `isRunning`: nobody has closed it, so it was killed, or is in use. A commit that was never finished is no such change, nor is what a backup lacks, or a copy of an earlier run.
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

/** `undefined` where there is nothing that could be missing. */
function lookInto(
  file: string,
): { opening: ReturnType<typeof openedAs>; position: number } | undefined {
  const besides = ['-wal', '-shm'].map((end) => targetOf(file) + end);
  const made = besides.filter((one) => !existsSync(one));
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
    // What is wrong with it, the opening finds out, and says it.
    return undefined;
  } finally {
    db?.close();
    // What reading has made, an empty log among it, is not to be mistaken for what the last server left.
    for (const one of made) rmSync(one, { force: true });
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
