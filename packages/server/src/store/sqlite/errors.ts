import { StoreUnavailable } from '../store.js';

/** A read has given its thread to others that wait, and is to begin anew. */
export class GaveWay extends Error {
  override readonly name = 'GaveWay';
}

/** What SQLite calls an error, `SQLITE_FULL`; empty where it is none of SQLite's. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error) || !('code' in error)) return '';
  return typeof error.code === 'string' && error.code.startsWith('SQLITE_') ? error.code : '';
}

export function isBusy(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED)/.test(codeOf(error));
}

export function isUniqueViolation(error: unknown): boolean {
  return codeOf(error) === 'SQLITE_CONSTRAINT_UNIQUE';
}

export function isMissingTable(error: unknown): boolean {
  return codeOf(error) === 'SQLITE_ERROR' && String(error).includes('no such table');
}

/** Disk full, disk broken, file locked or gone: trouble of the machine, which may pass, and no bug. */
export function isTrouble(error: unknown): boolean {
  return /^SQLITE_(FULL|IOERR|BUSY|LOCKED|CANTOPEN|READONLY|NOMEM|CORRUPT|NOTADB|PROTOCOL|AUTH|PERM)/.test(
    codeOf(error),
  );
}

/** What a call of the store rejects with: `StoreUnavailable` for trouble of the machine, a bug as it is. */
export function asStoreError(error: unknown): unknown {
  if (!isTrouble(error)) return error;
  return new StoreUnavailable(`${codeOf(error)}: ${(error as Error).message}`, { cause: error });
}
