import { accessSync, constants, existsSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeFolder } from '../../../platform/make-folder.js';
import { isOpen, makeOwnerOnlyFile, narrowFile } from '../../../platform/owner-only.js';
import { systemCode, systemReason } from '../../../platform/system-reason.js';
import { StoreRefused } from '../../store-errors.js';

/** Suffixes of the files that SQLite keeps beside a database, with the database's own mode. */
const besides = ['-wal', '-shm', '-journal'];

/** Creates the folder of a database. Throws `StoreRefused`. */
export function makeDatabaseFolder(folder: string): void {
  refusing(`${folder} cannot be made`, folder, () => makeFolder(folder));
}

/**
 * Creates an empty file, accessible to its owner only, where there is none, and checks that this
 * process may read and write it. Returns true where there was none. Throws `StoreRefused` with the
 * missing permission, which SQLite would not name.
 */
export function claimFile(file: string): boolean {
  const isNew = !exists(file);
  refusing(`${file} cannot be opened`, file, () => {
    if (isNew) makeOwnerOnlyFile(targetOf(file));
    if (statSync(file).isDirectory()) throw folderError;
    accessSync(file, constants.R_OK | constants.W_OK);
  });
  return isNew;
}

/** As `claimFile`, for a database, the files that SQLite keeps beside it, and their folder. */
export function claimDatabase(file: string): void {
  claimFile(file);
  const target = targetOf(file);
  for (const end of besides) if (existsSync(target + end)) claimFile(target + end);
  const folder = dirname(target);
  refusing(`${file} cannot be opened`, folder, () =>
    accessSync(folder, constants.W_OK | constants.X_OK),
  );
}

/** Removes the rights of group and others. Returns the files that they may still read. */
export function narrowDatabase(file: string): string[] {
  const target = targetOf(file);
  const files = [target, ...besides.map((end) => target + end), `${file}.lock`];
  return files.filter((path) => isOpen(path) && !narrowFile(path));
}

const folderError = Object.assign(new Error('it is a folder'), { code: 'EISDIR' });

/** False also for a dangling link. */
function exists(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false }) !== undefined;
}

/** Resolves links: SQLite keeps its other files beside the target. */
export function targetOf(file: string): string {
  return exists(file) ? realpathSync(file) : file;
}

function refusing(what: string, path: string, work: () => unknown): void {
  try {
    work();
  } catch (error) {
    const passing = ['ENOSPC', 'EDQUOT', 'EIO', 'EMFILE', 'ENFILE'].includes(systemCode(error));
    throw new StoreRefused(`${what}: ${systemReason(error, path)}`, { passing, cause: error });
  }
}
