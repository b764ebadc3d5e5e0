import { StoreUnavailable } from '../store-errors.js';

/** A read gave up its thread to waiting reads, and must be started again. */
export class GaveWay extends Error {
  override readonly name = 'GaveWay';
}

/** SQLite's code for an error, such as `SQLITE_FULL`; empty for other errors. */
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

/** Disk full or broken, file locked or gone: a failure of the machine that may pass, and no bug. */
export function isTrouble(error: unknown): boolean {
  return /^SQLITE_(FULL|IOERR|BUSY|LOCKED|CANTOPEN|READONLY|NOMEM|CORRUPT|NOTADB|PROTOCOL|AUTH|PERM)/.test(
    codeOf(error),
  );
}

/** What a call of the store rejects with: `StoreUnavailable` for failures of the machine. */
export function asStoreError(error: unknown): unknown {
  if (!isTrouble(error)) return error;
  return new StoreUnavailable(`${codeOf(error)}: ${(error as Error).message}`, { cause: error });
}
