import type { Database } from 'better-sqlite3';
import type { Epoch, Pos } from '../store.js';
import type { EpochMark } from './epoch-mark.js';

/** Random texts that were made where randomness is: this thread has none. */
export interface FreshEpoch {
  /** The epoch that the store gets where it needs another one. */
  readonly epoch: Epoch;
  /** A name for this opening of the database. */
  readonly opening: string;
}

type MetaRow = [position: Pos, id: string, secret: string, isFirst: number, opening: string];

/**
 * The epoch of a database that is being opened: the one that it has, or the fresh one where it has none (it is new, of an
 * older version, or a backup) or was put back. `isNew`: it was made just now.
 */
export function openEpoch(
  db: Database,
  mark: EpochMark,
  { epoch: fresh, opening, isNew }: FreshEpoch & { readonly isNew: boolean },
): Epoch {
  const [position, id, secret, isFirst, openedAs] = metaOf(db);
  const remembered = mark.read();
  const isKept =
    id !== '' &&
    typeof remembered === 'object' &&
    remembered.openings.includes(openedAs) &&
    remembered.position <= position;
  // Where something else was here before, clients may come with what they heard of that.
  const epoch = isKept
    ? { id, secret, isFirst: isFirst === 1 }
    : { ...fresh, isFirst: isNew && remembered === undefined };
  if (!isKept) setEpoch(db, epoch);
  nameOpening(db, mark, opening);
  return epoch;
}

/** The store is another one from now on. */
export function setEpoch(db: Database, { id, secret, isFirst }: Epoch): void {
  db.prepare('UPDATE meta SET epoch = ?, epoch_secret = ?, epoch_is_first = ?').run(
    id,
    secret,
    isFirst ? 1 : 0,
  );
}

/**
 * Gives the database and the file beside it the name of an opening, or of what follows the last one: copies that were made
 * before have another name. At any moment the file knows the name that the database has.
 */
export function nameOpening(db: Database, mark: EpochMark, opening: string): void {
  const [position, , , , before] = metaOf(db);
  mark.write({ openings: [before || opening, opening], position });
  db.prepare('UPDATE meta SET opening = ?').run(opening);
  mark.write({ openings: [opening, opening], position });
}

/** A copy is a store of its own: it gets an epoch when it is opened as one. */
export function forgetEpoch(db: Database): void {
  db.exec("UPDATE meta SET epoch = '', epoch_secret = '', epoch_is_first = 0, opening = ''");
}

function metaOf(db: Database): MetaRow {
  return db
    .prepare('SELECT position, epoch, epoch_secret, epoch_is_first, opening FROM meta')
    .raw()
    .get() as MetaRow;
}
