import { defaultStoreConfig, type StoreConfig } from '../common-config.js';

export interface SqliteConfig extends StoreConfig {
  /** The database; `-wal`, `-shm` and `.lock` are beside it. Its folder is made where missing. */
  readonly file: string;
  /** Threads that answer queries and counts. */
  readonly readers: number;
  /** Maximum bytes of the file: commits fail then as on a full disk. 0: no limit but the disk. */
  readonly maxSize: number;
  /** Bytes of the write-ahead log at which queries are held back, so that it can restart. */
  readonly logSize: number;
  /** Opens a database even if committed changes are missing (rule DUR9). */
  readonly force: boolean;
}

export const defaultSqliteConfig: Omit<SqliteConfig, 'file'> = {
  ...defaultStoreConfig,
  readers: 2,
  maxSize: 0,
  logSize: 64 * 1024 * 1024,
  force: false,
};
