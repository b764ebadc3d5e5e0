import type { Database } from 'better-sqlite3';
import type { Epoch } from '../store.js';
import type { Pos } from '../stored-object.js';
import { checkpoint } from './files/checkpoints.js';
import type { EpochMark } from './files/epoch-mark.js';
import type { FreshEpoch } from './threads/messages.js';

export interface OpeningEpoch extends FreshEpoch {
  /** There was no database. */
  readonly isNew: boolean;
  /** It lacks committed changes. */
  readonly isCut: boolean;
}

/** Suffix of the opening's name until the database is closed. */
const running = '+';

/** Parses what a database says of its last opening. The name is empty in a backup. */
export function openedAs(called: string): { name: string; isRunning: boolean } {
  const isRunning = called.endsWith(running);
  return { name: isRunning ? called.slice(0, -running.length) : called, isRunning };
}

type MetaRow = [position: Pos, id: string, secret: string, isFirst: number, opening: string];

/**
 * The epoch of a database that is being opened: its own, or the fresh one where it has none (it is
 * new, of an older version, or a backup), was restored from a copy, or lacks changes.
 */
export function openEpoch(
  db: Database,
  mark: EpochMark,
  { epoch: fresh, opening, isNew, isCut }: OpeningEpoch,
): Epoch {
  const [position, id, secret, isFirst, called] = metaOf(db);
  const remembered = mark.read();
  const isKept =
    id !== '' &&
    !isCut &&
    typeof remembered === 'object' &&
    remembered.openings.includes(openedAs(called).name) &&
    remembered.position <= position;
  // Where another database was here before, clients may still hold its revisions.
  const epoch = isKept
    ? { id, secret, isFirst: isFirst === 1 }
    : { ...fresh, isFirst: isNew && remembered === undefined };
  if (!isKept) setEpoch(db, epoch);
  nameOpening(db, mark, { opening, isRunning: true });
  return epoch;
}

/** Makes it a new store from now on. */
export function setEpoch(db: Database, { id, secret, isFirst }: Epoch): void {
  const update = db.prepare('UPDATE meta SET epoch = ?, epoch_secret = ?, epoch_is_first = ?');
  update.run(id, secret, Number(isFirst));
}

/**
 * Writes the name of an opening (or of the time after it) into the database and the mark file, so
 * that earlier copies are recognised by another name. The file always has the name that the
 * database has, also without its log: as long as a reader keeps the new name in the log only, the
 * file has the old one too.
 */
export function nameOpening(
  db: Database,
  mark: EpochMark,
  { opening, isRunning }: { readonly opening: string; readonly isRunning: boolean },
): void {
  const [position, , , , called] = metaOf(db);
  const before = openedAs(called).name || opening;
  // First, so that the name reported is the one in the database file itself.
  checkpoint(db, 'PASSIVE');
  mark.write({ openings: [before, opening], position });
  db.prepare('UPDATE meta SET opening = ?').run(isRunning ? opening + running : opening);
  if (checkpoint(db, 'PASSIVE').left > 0) return;
  mark.write({ openings: [opening, opening], position });
}

/** The name of the last opening. */
export function openingOf(db: Database): string {
  const [, , , , called] = metaOf(db);
  return openedAs(called).name;
}

/** A copy is a separate store: it gets an epoch when it is opened as one. */
export function forgetEpoch(db: Database): void {
  db.exec("UPDATE meta SET epoch = '', epoch_secret = '', epoch_is_first = 0, opening = ''");
}

function metaOf(db: Database): MetaRow {
  return db
    .prepare('SELECT position, epoch, epoch_secret, epoch_is_first, opening FROM meta')
    .raw()
    .get() as MetaRow;
}
