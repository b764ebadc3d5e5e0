import { join } from 'node:path';
import { systemCode } from '../../platform/system-reason.js';
import type { ExportReader } from '../../store/export-reader.js';
import { openSqliteExportReader } from '../../store/sqlite/export-reader.js';
import { StoreRefused, StoreUnavailable } from '../../store/store-errors.js';
import type { Config } from '../config/config-definition.js';
import { StartError, systemReason } from '../start-error.js';

/** The database of an app. Throws a `StartError` if its store leaves nothing on disk. */
export function databaseOf({ values }: Config): string {
  if (values.store === 'sqlite') return join(values.data, 'really.db');
  throw new StartError([`there is nothing on disk to work on: the store is ${values.store}`]);
}

/** Opens the data of an app for reading, whether its server runs or not. Throws a `StartError`. */
export function openOfflineReader(config: Config): ExportReader {
  const file = databaseOf(config);
  try {
    return openSqliteExportReader(file);
  } catch (error) {
    throw asStartError(error, `the database ${file} cannot be opened`);
  }
}

/** Converts it to a `StartError` with a readable line; a bug is thrown as it is. */
export function asStartError(error: unknown, what: string): unknown {
  if (error instanceof StartError) return error;
  if (error instanceof StoreRefused) return new StartError([error.message], error);
  const isExpected = error instanceof StoreUnavailable || systemCode(error) !== '';
  if (!isExpected) return error;
  const reason = systemReason(error).replace(/^SQLITE_\w+: /, '');
  return new StartError([`${what}: ${reason}`], error);
}
